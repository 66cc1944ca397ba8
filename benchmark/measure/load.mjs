// What every contender is put under: callers that each wait for their answer before they call again.
import { randomUUID } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { spread } from './numbers.mjs'

/** 200 bytes of a JSON object: the predecessor can redeliver nothing else. */
export const VALUE = JSON.stringify({ pad: 'x'.repeat(190) })
export const TOPIC = 'bench-orders'

/** A failure with a new random id. */
export function failure() {
  const id = randomUUID()
  return { topic: TOPIC, key: id, value: VALUE, dataId: id }
}

/**
 * Calls `call` from so many callers until the time is over or `count` calls were made. The rate counts the time until
 * the last answer, so that a slow answer at the end is not given away.
 */
export async function closedLoop({ call, callers, seconds = Infinity, count = Infinity }) {
  const latencies = []
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const cpu = process.cpuUsage()
  loop.enable()
  const begin = performance.now()
  const end = begin + seconds * 1_000
  let begun = 0
  async function caller() {
    while (begun < count && performance.now() < end) {
      begun++
      const from = performance.now()
      await call()
      latencies.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const elapsed = (performance.now() - begin) / 1_000
  loop.disable()
  const { user, system } = process.cpuUsage(cpu)
  return {
    calls: latencies.length,
    seconds: elapsed,
    perSecond: latencies.length / elapsed,
    latency: spread(latencies),
    loopMaxMs: loop.max / 1e6,
    cpuSeconds: (user + system) / 1e6,
  }
}

/** So many calls, begun at a steady pace by callers that wait for their answers. Resolves with the answers. */
export async function paced({ call, callers, count, perSecond }) {
  const begin = performance.now()
  const answers = []
  let begun = 0
  async function caller() {
    while (begun < count) {
      const at = begin + (begun++ / perSecond) * 1_000
      const early = at - performance.now()
      if (early > 1) await pause(early)
      answers.push(await call())
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return answers
}

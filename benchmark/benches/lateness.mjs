// How late retries are without scheduleRule: thousands are pushed as fast as callers can and fall due a second later, in
// the process that pushed them, and in another one.
import { startContender } from '../measure/process.mjs'
import { spread } from '../measure/numbers.mjs'
import { openTopic } from '../measure/topic.mjs'

export const about = 'lateness of retries without scheduleRule'
export const servers = ({ databases }) => ['kafka', ...databases]
export const defaults = { databases: ['mariadb', 'postgres'], retries: 10_000, callers: 16, perSecond: 1_000 }

export async function run(options, { addresses, say, save }) {
  const topic = await openTopic(addresses.kafka)
  for (const database of options.databases) {
    const { prepare } = await import(`../databases/${database}.mjs`)
    for (const place of ['the process that pushed', 'another process']) {
      const server = await prepare(addresses[database])
      const result = await measure(options, { server, place, brokers: addresses.kafka, topic })
      await save({ database: server.name, version: await server.version(), place, ...result })
      say(`${server.name}, ${place}: ${JSON.stringify(result)}`)
      await server.close()
    }
  }
  await topic.close()
}

async function measure({ retries, callers, perSecond }, { server, place, brokers, topic }) {
  // Linear, so that the first retry is due after one second.
  const settings = { db: server.url, brokers, options: { policy: { retryCount: 10, backoff: false } } }
  const pusher = await startContender('ours', settings)
  const sweeper = place === 'another process' ? await startContender('ours', settings) : pusher
  try {
    await pusher.ask('push', { callers: 1, count: 1 })
    await sweeper.ask('run')
    const from = await topic.ends()
    const arrivals = topic.watch(from)
    const due = await pusher.ask('pushPaced', { callers, count: retries, perSecond })
    const seen = await arrivals.until(new Set(due.map(([id]) => id)), 60_000)
    const handed = []
    const received = []
    for (const [id, at] of due) {
      const copy = seen.get(id)
      if (!copy) continue
      handed.push(copy.timestamp - at)
      received.push(copy.receivedAt - at)
    }
    return { retries, arrived: handed.length, handedOverMs: spread(handed), receivedMs: spread(received) }
  } finally {
    await pusher.stop()
    if (sweeper !== pusher) await sweeper.stop()
  }
}

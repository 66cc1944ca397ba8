// Whether memory stays flat: 64 callers push while everything that falls due is redelivered, for some minutes.
import { startContender } from '../measure/process.mjs'
import { openTopic } from '../measure/topic.mjs'

export const about = 'memory under load; the whole measurement is --seconds 600'
export const servers = ({ databases }) => ['kafka', ...databases]
export const defaults = { databases: ['mariadb'], seconds: 60, callers: 64, step: 5 }

export async function run(options, { addresses, say, save }) {
  const topic = await openTopic(addresses.kafka)
  for (const database of options.databases) {
    const { prepare } = await import(`../databases/${database}.mjs`)
    const server = await prepare(addresses[database])
    const process = await startContender('ours', { db: server.url, brokers: addresses.kafka })
    await process.ask('run')
    const samples = []
    let calls = 0
    const end = performance.now() + options.seconds * 1_000
    while (performance.now() < end) {
      const round = await process.ask('push', { callers: options.callers, seconds: options.step })
      calls += round.calls
      const { rss } = await process.ask('memory')
      samples.push(Math.round(rss / 2 ** 20))
    }
    // What the process took for its pools and buffers in the beginning is not growth.
    const settled = samples.slice(Math.floor(samples.length / 4))
    const result = {
      seconds: options.seconds,
      calls,
      firstMb: samples[0],
      settledMb: settled[0],
      lastMb: samples.at(-1),
      maxMb: Math.max(...samples),
      growthMbPerMinute: Math.round((slope(settled) * 600) / options.step) / 10,
    }
    await save({ database: server.name, version: await server.version(), ...result, samples })
    say(`${server.name}: ${JSON.stringify(result)}`)
    await process.stop()
    await server.close()
  }
  await topic.close()
}

/** The least-squares slope of equally spaced samples, per step. */
function slope(samples) {
  const middle = (samples.length - 1) / 2
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length
  let [above, below] = [0, 0]
  for (const [at, sample] of samples.entries()) {
    above += (at - middle) * (sample - mean)
    below += (at - middle) ** 2
  }
  return below === 0 ? 0 : above / below
}

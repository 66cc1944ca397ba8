// How long this package holds the event loop at worst, with the load generator in the same loop; "nothing" is the same
// loop without any call, which shows what the machine does by itself.
import { startContender } from '../measure/process.mjs'
import { openTopic } from '../measure/topic.mjs'

export const about = 'the longest time the event loop was held'
export const servers = ({ databases }) => ['kafka', ...databases]
export const defaults = { databases: ['mariadb'], seconds: 5, rounds: 3, rows: 50_000 }

export async function run(options, { addresses, say, save }) {
  const topic = await openTopic(addresses.kafka)
  for (const database of options.databases) {
    const { prepare } = await import(`../databases/${database}.mjs`)
    const server = await prepare(addresses[database])
    const process = await startContender('ours', { db: server.url, brokers: addresses.kafka })
    const { seconds } = options
    await process.ask('push', { callers: 8, count: 800 })
    const plays = {
      nothing: () => process.ask('watchLoop', { during: 'rest', argument: { seconds } }),
      'pushError, 64 callers': () => process.ask('push', { callers: 64, seconds }),
      'pushError, 256 callers': () => process.ask('push', { callers: 256, seconds }),
      'pushError with arrays of 1 000': () => process.ask('pushArrays', { rows: 1_000, seconds }),
      'a sweep, with listeners to every event': async () => {
        await server.fill('ours', options.rows, { due: true })
        return process.ask('watchLoop', { during: 'sweepHeard' })
      },
    }
    for (const [work, play] of Object.entries(plays)) {
      const rounds = []
      for (let round = 0; round < options.rounds; round++) rounds.push((await play()).loopMaxMs)
      const result = { work, worstMs: Math.round(Math.max(...rounds) * 10) / 10, rounds: rounds.map(Math.round) }
      await save({ database: server.name, version: await server.version(), ...result })
      say(`${server.name}, ${work}: ${JSON.stringify(result)}`)
    }
    await process.stop()
    await server.close()
  }
  await topic.close()
}

// What a handler costs that has nothing to do: its sweeps run, nothing is due.
import { setTimeout as pause } from 'node:timers/promises'
import { startContender } from '../measure/process.mjs'
import { difference } from '../measure/statements.mjs'

export const about = 'idle cost of a handler whose task runs'
export const servers = ({ databases }) => ['kafka', ...databases]
export const defaults = { databases: ['mariadb', 'postgres'], seconds: 60, original: true }

export async function run(options, { addresses, say, save }) {
  for (const database of options.databases) {
    const { prepare } = await import(`../databases/${database}.mjs`)
    const server = await prepare(addresses[database])
    const brokers = addresses.kafka
    const names = ['ours', ...(database === 'mariadb' && options.original ? ['original'] : [])]
    for (const name of names) {
      const process = await startContender(name, { db: server.url, brokers })
      await process.ask('push', { callers: 1, count: 1 })
      await server.fill(name, 1_000)
      await process.ask('run')
      // The first look at the broker and at the table is not what an idle minute costs.
      await pause(3_000)
      const before = await server.statements()
      const { cpuSeconds } = await process.ask('rest', options)
      const statements = difference(before, await server.statements())
      const memory = await process.ask('memory')
      await process.stop()
      const perMinute = (count) => Math.round((count / options.seconds) * 600) / 10
      const result = {
        contender: name,
        seconds: options.seconds,
        cpuSecondsPerMinute: Math.round((cpuSeconds / options.seconds) * 60_000) / 1_000,
        // One of them is this bench's own question.
        statementsPerMinute: statements && perMinute(statements.questions - 1),
        rssMb: Math.round(memory.rss / 2 ** 20),
      }
      await save({ database: server.name, version: await server.version(), ...result })
      say(`${server.name}, ${name}: ${JSON.stringify(result)}`)
    }
    await server.close()
  }
}

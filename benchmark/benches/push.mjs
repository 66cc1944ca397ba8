// pushError with random new ids, by callers that wait for their answer, on tables of several sizes: this package, 2.1.5
// and the database by hand.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startContender } from '../measure/process.mjs'
import { interleaved } from '../measure/rounds.mjs'
import { difference } from '../measure/statements.mjs'

export const about = 'pushError: callers, sizes of the table'
export const servers = ({ databases }) => ['kafka', ...databases.filter((name) => name !== 'sqlite')]
export const defaults = {
  databases: ['mariadb', 'postgres', 'sqlite'],
  sizes: [0, 10_000, 100_000, 1_000_000],
  callers: [1, 16, 64, 256],
  seconds: 2,
  rounds: 5,
  // Each of its calls reads the whole table: at a million rows 64 callers would wait for minutes.
  originalUpTo: 100_000,
  original: true,
}

/** Up to this size the table is made anew before each round; what one round adds to larger ones changes little. */
const SMALL = 10_000

export async function run(options, { addresses, say, save }) {
  for (const database of options.databases) {
    const play = database === 'sqlite' ? onSqlite : onServer
    await play(options, { database, addresses, say, save })
  }
}

async function onServer(options, { database, addresses, say, save }) {
  const { prepare } = await import(`../databases/${database}.mjs`)
  const server = await prepare(addresses[database])
  const brokers = addresses.kafka
  const hand = await startContender('by-hand', { db: server.url, connect: database })
  const contenders = [
    { name: 'ours', process: await startContender('ours', { db: server.url, brokers }) },
    { name: 'byHand', process: hand },
    { name: 'rowByRow', table: 'byHand', method: 'pushRowByRow', process: hand },
  ]
  if (database === 'mariadb' && options.original) {
    contenders.push({ name: 'original', process: await startContender('original', { db: server.url, brokers }) })
  }
  try {
    // The first row is the pattern of those that are filled in; and nobody is measured cold.
    for (const { method = 'push', process } of contenders) await process.ask(method, { callers: 8, count: 800 })
    for (const size of options.sizes) {
      const present = contenders.filter(({ name }) => name !== 'original' || size <= options.originalUpTo)
      say(`${server.name}: filling ${size} rows`)
      for (const { name, table } of present) if (!table) await server.fill(name, size)
      for (const callers of options.callers) {
        const results = await interleaved({
          rounds: options.rounds,
          // A transaction of one row is what the raw limit is for one caller.
          contenders: present.filter(({ name }) => name !== 'rowByRow' || callers > 1),
          play: async ({ name, table = name, method = 'push', process }) => {
            if (size <= SMALL) await server.fill(table, size)
            const before = await server.statements()
            const round = await process.ask(method, { callers, seconds: options.seconds })
            return { ...round, statements: difference(before, await server.statements()) }
          },
        })
        await save({ database: server.name, version: await server.version(), size, callers, results })
        say(`${server.name}, ${size} rows, ${callers} callers: ${brief(results)}`)
      }
    }
  } finally {
    for (const process of new Set(contenders.map((contender) => contender.process))) await process.stop()
    await server.close()
  }
}

async function onSqlite(options, { addresses, say, save }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-bench-'))
  const file = path.join(folder, 'retry.db')
  const ours = await startContender('ours', { db: `sqlite:${file}`, brokers: addresses.kafka })
  try {
    await ours.ask('push', { callers: 8, count: 800 })
    for (const size of options.sizes) {
      say(`SQLite: filling ${size} rows`)
      await ours.ask('refill', { file, rows: size })
      for (const callers of options.callers) {
        const results = await interleaved({
          rounds: options.rounds,
          contenders: [{ name: 'ours' }],
          play: async () => {
            if (size <= SMALL) await ours.ask('refill', { file, rows: size })
            return ours.ask('push', { callers, seconds: options.seconds })
          },
        })
        await save({ database: 'SQLite', version: 'built in', size, callers, results })
        say(`SQLite, ${size} rows, ${callers} callers: ${brief(results)}`)
      }
    }
  } finally {
    await ours.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function brief(results) {
  return Object.entries(results)
    .map(([name, { perSecond }]) => `${name} ${Math.round(perSecond)}/s`)
    .join(', ')
}

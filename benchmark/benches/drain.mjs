// Redelivery: many rows are due, one sweep takes them all. Counts what arrived on the topic and what the database was
// asked, and lets 2.1.5 try the same with a tick every second.
import { setTimeout as pause } from 'node:timers/promises'
import { startContender } from '../measure/process.mjs'
import { recordBatches } from '../measure/record-batches.mjs'
import { interleaved } from '../measure/rounds.mjs'
import { difference } from '../measure/statements.mjs'
import { openTopic } from '../measure/topic.mjs'

export const about = 'redelivery: a drain of due rows'
export const servers = ({ databases }) => ['kafka', ...databases.filter((name) => name !== 'sqlite')]
export const defaults = {
  databases: ['mariadb', 'postgres'],
  rows: 50_000,
  rounds: 5,
  original: true,
  originalRows: 5_000,
  originalSeconds: 25,
}

export async function run(options, { addresses, say, save }) {
  const topic = await openTopic(addresses.kafka)
  try {
    for (const database of options.databases) await onServer(options, { database, addresses, topic, say, save })
  } finally {
    await topic.close()
  }
}

async function onServer(options, { database, addresses, topic, say, save }) {
  const { prepare } = await import(`../databases/${database}.mjs`)
  const server = await prepare(addresses[database])
  const brokers = addresses.kafka
  const version = await server.version()
  const contenders = [
    { name: 'ours', process: await startContender('ours', { db: server.url, brokers }) },
    { name: 'byHand', process: await startContender('by-hand', { db: server.url, connect: database, brokers }) },
  ]
  try {
    for (const { name, process } of contenders) {
      await process.ask('push', { callers: 1, count: 1 })
      await drain({ name, process }, 2_000)
    }
    const results = await interleaved({
      rounds: options.rounds,
      contenders,
      play: (contender) => drain(contender, options.rows),
    })
    await save({ database: server.name, version, rows: options.rows, results })
    for (const [name, result] of Object.entries(results)) {
      say(
        `${server.name}, ${name}: ${Math.round(result.perSecond)} rows/s, ${result.copies} copies of ${result.distinct} rows`,
      )
      say(`  statements per 1 000 rows: ${JSON.stringify(perThousand(result))}`)
    }
    if (database === 'mariadb' && options.original) {
      const original = await originalDrain(options, { server, brokers, topic })
      await save({ database: server.name, version, rows: options.originalRows, results: { original } })
      say(`2.1.5: ${JSON.stringify(original)}`)
    }
  } finally {
    for (const { process } of contenders) await process.stop()
    await server.close()
  }

  async function drain({ name, process }, rows) {
    await server.fill(name, rows, { due: true })
    const [from, before] = [await topic.ends(), await server.statements()]
    const report = await process.ask('sweep')
    const statements = difference(before, await server.statements())
    const arrived = await topic.since(from)
    const batches = addresses.kafkaData && recordBatches(addresses.kafkaData, from)
    return { ...report, ...arrived, batches, statements, rows, perSecond: report.delivered / report.seconds }
  }
}

function perThousand({ statements, rows }) {
  if (!statements) return null
  return Object.fromEntries(
    Object.entries(statements)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => [name, Math.round((count / rows) * 100_000) / 100]),
  )
}

async function originalDrain({ originalRows, originalSeconds }, { server, brokers, topic }) {
  const original = await startContender('original', {
    db: server.url,
    brokers,
    options: { scheduleRule: '* * * * * *' },
  })
  try {
    await original.ask('push', { callers: 1, count: 1 })
    await server.fill('original', originalRows, { due: true })
    const from = await topic.ends()
    await original.ask('run')
    await pause(originalSeconds * 1_000)
    return { ...(await topic.since(from)), rows: originalRows, seconds: originalSeconds }
  } finally {
    await original.stop()
  }
}

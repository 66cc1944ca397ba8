// Rows of which a part cannot be read, because somebody changed them by hand or a disk is broken: they are set aside, and
// hold up nobody else.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import test from 'ava'

import { KafkaErrorHandler } from '../../index.js'
import { findProgram } from '../../scripts/services/programs.mjs'
import { backend, type Backend } from '../suites/bench.js'
import { startMockCluster } from '../suites/mock-cluster.js'
import { ask } from '../suites/servers.js'

/** What stands in a column, as SQL. */
const damages: Record<string, string> = {
  policy: `'{'`,
  redelivery: `'elsewhere'`,
  reason: `'nonsense'`,
  retry_count: '-1',
}

async function damage(store: Backend, statement: string): Promise<void> {
  const url = String(store.db)
  if (store.name === 'sqlite') await promisify(execFile)('sqlite3', [url.slice('sqlite:'.length), statement])
  else await ask(url, statement)
}

for (const name of ['sqlite', 'mysql', 'postgres'] as const) {
  const store = backend(name)
  if (store === undefined) continue
  if (name === 'sqlite' && !findProgram('sqlite3')) {
    if (process.env['REQUIRE_SERVICES'] === '1') throw new Error('sqlite3 is not installed, and REQUIRE_SERVICES=1')
    console.error('SKIPPED: sqlite3 is not installed; npm test says how')
    continue
  }
  test.after.always(() => store.end())

  test(`${name}: what cannot be read is set aside with a warning, and the others go out`, async (t) => {
    const cluster = startMockCluster()
    const namespace = `unreadable-${process.pid}`
    const handler = new KafkaErrorHandler({
      db: store.db,
      namespace,
      kafka: { brokers: cluster.bootstrapServers },
      ensureTopics: false,
      logger: false,
      policy: { backoff: false, maxDelay: 1 },
    })
    t.teardown(async () => {
      await handler.entries.discard({ all: true })
      await handler.close()
      cluster.close()
    })
    const warnings: string[] = []
    handler.on('warning', ({ code, details }) => {
      if (code === 'unreadable') warnings.push(String(details['column']))
    })
    await handler.initialize()
    const columns = Object.keys(damages)
    const dataIds = [...columns, 'good']
    await handler.pushError(dataIds.map((dataId) => ({ topic: 'orders', value: 'v', dataId })))
    for (const [column, value] of Object.entries(damages)) {
      const which = `namespace = '${namespace}' AND data_id = '${column}'`
      await damage(store, `UPDATE ker_entry SET ${column} = ${value} WHERE ${which}`)
    }

    t.like(await handler.sweep(), { claimed: 5, delivered: 1, held: 4 })
    t.deepEqual(warnings.sort(), columns.toSorted())
    const { entries } = await handler.entries.list({ state: 'held' })
    t.deepEqual(entries.map(({ dataId }) => dataId).sort(), columns.sort(), 'and can still be listed')
    t.true(entries.every(({ reason }) => reason === 'unreadable'))

    // A further failure writes what was broken anew.
    for (const dataId of columns) await handler.pushError({ topic: 'orders', value: 'v', dataId })
    t.is((await handler.entries.requeue({ reason: 'unreadable' })).requeued, columns.length)
    t.like(await handler.sweep(), { claimed: 4, delivered: 4, held: 0 })
  })
}

// PgBouncer in transaction mode: each transaction of a client may go to another connection of the server.
import { randomUUID } from 'node:crypto'

import test from 'ava'

import { KafkaErrorHandler } from '../../index.js'
import { start } from '../../scripts/services/pgbouncer.mjs'
import { eventually, service } from '../suites/bench.js'
import { startMockCluster } from '../suites/mock-cluster.js'
import { ask, has } from '../suites/servers.js'

const server = service('KER_TEST_POSTGRES_URL')

if (server !== undefined && has('pgbouncer')) {
  test('behind PgBouncer in transaction mode all works, and nothing is left on the connections of the server', async (t) => {
    const bouncer = await start({ server: Number(new URL(server).port) })
    t.teardown(() => bouncer.stop())
    const cluster = startMockCluster()
    t.teardown(() => cluster.close())
    const database = `ker-${randomUUID()}`
    await ask(server, `CREATE DATABASE "${database}"`)
    const handlers = Array.from(
      { length: 3 },
      () =>
        new KafkaErrorHandler({
          db: `${bouncer.url}/${database}`,
          kafka: { brokers: cluster.bootstrapServers },
          ensureTopics: false,
          policy: { retryCount: 3, maxDelay: 5 },
          logger: false,
        }),
    )
    for (const handler of handlers) t.teardown(() => handler.close())
    const errors: string[] = []
    let redelivered = 0
    for (const handler of handlers) {
      handler.on('error', ({ message, cause }) => errors.push(`${message}: ${String(cause)}`))
      handler.on('redelivered', () => void redelivered++)
    }
    await Promise.all(handlers.map((handler) => handler.initialize()))
    await Promise.all(handlers.map((handler) => handler.runRetryTask()))
    const ids = Array.from({ length: 200 }, (_, n) => `id-${n}`)
    await Promise.all(
      ids.map(async (dataId, n) => {
        const handler = handlers[n % 3] as KafkaErrorHandler
        const { id } = await handler.pushError({ topic: 'orders', value: 'v', dataId })
        t.like(await handler.entries.get(id), { dataId })
        await handler.entries.count({ dataId })
        await handler.stats()
      }),
    )
    await eventually(() => Promise.resolve(redelivered === ids.length))
    // The driver numbers its statements in the order in which it meets them; names would meet those of another handler.
    await Promise.all(
      ids.map((dataId, n) => (handlers[(n + 1) % 3] as KafkaErrorHandler).notifySuccess({ topic: 'orders', dataId })),
    )
    t.is(await (handlers[0] as KafkaErrorHandler).entries.count(), 0)
    t.deepEqual(errors, [])
    const stranger = `${bouncer.url}/${database}`
    for (let n = 0; n < 8; n++) {
      t.deepEqual(await ask(stranger, `SHOW lock_timeout`), [['0']])
      t.deepEqual(await ask(stranger, `SELECT name FROM pg_prepared_statements`), [])
    }
  })
}

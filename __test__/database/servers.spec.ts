// What servers do to their clients: they are killed, full, impatient, read-only. Servers of this file's own.
import test from 'ava'
import type { ExecutionContext } from 'ava'

import { KafkaErrorHandler } from '../../index.js'
import type { HandlerOptions } from '../../index.js'
import { start as startMariaDb } from '../../scripts/services/mariadb.mjs'
import { start as startPostgres } from '../../scripts/services/postgres.mjs'
import { event, eventually } from '../suites/bench.js'
import { startMockCluster } from '../suites/mock-cluster.js'
import { ask, has } from '../suites/servers.js'

/** What a server is told, in its own words. */
interface Words {
  name: 'mariadb' | 'postgres'
  start: typeof startMariaDb
  /** A login that is nobody special, with so many connections at most (0: no limit). */
  account(name: string, connections: number): string
  readOnly(is: boolean): string
  /** Ends sessions that do nothing for a second. */
  impatient: string
  patient: string
  /** Ids of the connections of a login. */
  sessions(name: string): string
}

const mariadb: Words = {
  name: 'mariadb',
  start: startMariaDb,
  account: (name, connections) =>
    `CREATE OR REPLACE USER ${name}@'127.0.0.1' IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS ${connections};
     GRANT ALL ON \`citizen\`.* TO ${name}@'127.0.0.1'`,
  readOnly: (is) => `SET GLOBAL read_only = ${is ? 1 : 0}`,
  impatient: 'SET GLOBAL wait_timeout = 1',
  patient: 'SET GLOBAL wait_timeout = 28800',
  sessions: (name) => `SELECT id FROM information_schema.processlist WHERE user = '${name}'`,
}

const postgres: Words = {
  name: 'postgres',
  start: startPostgres,
  account: (name, connections) =>
    `CREATE ROLE ${name} LOGIN PASSWORD 'pw' CONNECTION LIMIT ${connections === 0 ? -1 : connections};
     GRANT ALL ON DATABASE citizen TO ${name}; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name};
     GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${name}`,
  readOnly: (is) => `ALTER SYSTEM SET default_transaction_read_only = ${is ? 'on' : 'off'}; SELECT pg_reload_conf()`,
  impatient: `ALTER DATABASE citizen SET idle_session_timeout = '1s'`,
  patient: `ALTER DATABASE citizen RESET idle_session_timeout`,
  sessions: (name) => `SELECT pid FROM pg_stat_activity WHERE usename = '${name}'`,
}

for (const words of [mariadb, postgres]) {
  if (!has(words.name)) continue
  let server: Awaited<ReturnType<typeof startMariaDb>>

  const open = async (t: ExecutionContext | undefined, login?: string, further: Partial<HandlerOptions> = {}) => {
    const url = new URL(`${server.url}/citizen`)
    if (login !== undefined) Object.assign(url, { username: login, password: 'pw' })
    const options = { db: url.href, kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, logger: false } as const
    const handler = new KafkaErrorHandler({ ...options, connectTimeout: 3000, ...further })
    t?.teardown(() => handler.close())
    await handler.initialize()
    return handler
  }
  const idsOf = async (login: string) => (await ask(server.url, words.sessions(login))).map(([id]) => id)
  const account = (name: string, connections = 0) => ask(`${server.url}/citizen`, words.account(name, connections))

  test.serial.before(async () => {
    server = await words.start()
    await (await open(undefined)).close()
  })
  test.after.always(() => server?.stop())

  test.serial(`${words.name}: killed and restarted under a retry task, redelivery goes on by itself`, async (t) => {
    const cluster = startMockCluster()
    t.teardown(() => cluster.close())
    const handler = await open(t, undefined, { kafka: { brokers: cluster.bootstrapServers }, pushTimeout: 2000 })
    const errors: { code: string }[] = []
    handler.on('error', (error) => errors.push(error))
    await handler.runRetryTask()
    const redelivered = (dataId: string) => event(handler, 'redelivered', (one) => one.dataId === dataId)
    const policy = { maxDelay: 5 }
    const first = redelivered('before')
    await handler.pushError({ topic: 'orders', value: 'v', dataId: 'before', policy })
    await first
    const failed = event(handler, 'error')
    await server.kill()
    await failed
    await server.restart()
    const second = redelivered('after')
    await eventually(() =>
      handler.pushError({ topic: 'orders', value: 'v', dataId: 'after', policy }).then(
        () => true,
        () => false,
      ),
    )
    await second
    t.deepEqual([...new Set(errors.map(({ code }) => code))], ['KER_STORE'])
    t.is((await handler.health()).status, 'ok')
  })

  test.serial(
    `${words.name}: with fewer connections than the pool may have, every call is answered all the same`,
    async (t) => {
      await account('narrow', 3)
      const handler = await open(t, 'narrow')
      const calls = Array.from({ length: 20 }, async (_, n) => {
        await handler.pushError({ topic: 'orders', value: 'v', dataId: `narrow-${n}` })
        await handler.entries.count({ topic: 'orders' })
        await handler.stats()
        await handler.notifySuccess({ topic: 'orders', dataId: `narrow-${n}` })
      })
      const ends = await Promise.allSettled(calls)
      t.deepEqual(
        ends.filter(({ status }) => status === 'rejected').map((end) => String((end as PromiseRejectedResult).reason)),
        [],
      )
    },
  )

  test.serial(`${words.name}: connections that the server has ended for idleness are replaced unseen`, async (t) => {
    await account('idler')
    await ask(server.url, words.impatient)
    t.teardown(() => ask(server.url, words.patient))
    const handler = await open(t, 'idler')
    await handler.pushError({ topic: 'orders', value: 'v', dataId: 'idle-1' })
    await eventually(async () => (await idsOf('idler')).length === 0)
    t.is((await handler.pushError({ topic: 'orders', value: 'v', dataId: 'idle-1' })).retryCount, 2)
    t.is(await handler.entries.count({ dataId: 'idle-1' }), 1)
  })

  test.serial(
    `${words.name}: a server that is read-only for a while refuses in time, and the handler works when it is over`,
    async (t) => {
      await account('writer')
      const handler = await open(t, 'writer', { pushTimeout: 1500 })
      await handler.pushError({ topic: 'orders', value: 'v', dataId: 'ro' })
      const before = await idsOf('writer')
      await ask(server.url, words.readOnly(true))
      t.teardown(() => ask(server.url, words.readOnly(false)))
      const began = Date.now()
      const error = await t.throwsAsync(handler.pushError({ topic: 'orders', value: 'v', dataId: 'ro-2' }))
      t.like(error, { code: 'KER_STORE', outcome: 'not_done', retriable: true })
      t.true(Date.now() - began < 5000)
      await ask(server.url, words.readOnly(false))
      t.is((await handler.pushError({ topic: 'orders', value: 'v', dataId: 'ro' })).retryCount, 2)
      t.is(await handler.entries.count({ dataId: 'ro-2' }), 0)
      // After a failover the old connections lead to a server that stays read-only.
      const after = await idsOf('writer')
      t.deepEqual(
        after.filter((id) => before.includes(id)),
        [],
      )
    },
  )
}

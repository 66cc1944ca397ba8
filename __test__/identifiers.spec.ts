// Text of a configuration never becomes SQL, nor a command: names are refused before anything is connected to, and what
// fits the rule works although it means something to the database.
import test, { type ExecutionContext } from 'ava'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { KafkaErrorHandler, type DatabaseOptions, type KafkaRetryError } from '../index.js'
import * as mariadb from '../scripts/services/mariadb.mjs'
import * as postgres from '../scripts/services/postgres.mjs'
import { eventually, service } from './suites/bench.js'
import { Eavesdropper } from './suites/eavesdropper.js'
import { startMockCluster } from './suites/mock-cluster.js'

const cluster = startMockCluster()
test.after.always('the brokers end', () => cluster.close())

const characters = [...'"\'`][;\0\n\r\t \\/.%$#@!(){}*+,<>=?|~^&:']
// Quotes that some character sets turn into the plain ones, letters that are not of ASCII, what cannot be seen.
const foreign = [...'’‘“”ʼ＇｀éß中😀аａ', '\u037e', '\u202e', '\u200b', '\u00a0', '\ud800']
const between = [...characters, ...foreign].map((character) => `a${character}b`)

const whole = [
  '',
  "x' OR '1'='1",
  'x; DROP TABLE ker_entry',
  'x`; DROP DATABASE mysql; -- ',
  'x"; DROP TABLE "ker_entry',
  '$(id)',
  '../../etc/passwd',
  ' a',
  'a ',
  'x'.repeat(64),
  'x'.repeat(70_000),
]

const badPrefixes = [...between, ...whole.filter((name) => name !== ''), '', '1a', 'a-b', '-', '--', 'x'.repeat(49)]
const badDatabases = [...between, ...whole]

// Words of SQL, of JavaScript, and of both databases' own tables; the longest that fit.
const databases = ['select', '__proto__', '-', '0', 'x'.repeat(63)]
const prefixes = ['select', 'GROUP', '__proto__', 'constructor', '_', 'toString', 'pg_', 'x'.repeat(48)]

test('names that do not fit the rule are refused before anything is connected to', async (t) => {
  const server = await Eavesdropper.start()
  t.teardown(() => server.stop())
  const address = { host: '127.0.0.1', port: server.port, username: 'root', password: 'root' }
  const kafka = { brokers: `127.0.0.1:${server.port}` }
  t.true(badDatabases.length >= 60 && badPrefixes.length >= 60)
  for (const type of ['mysql', 'mariadb', 'postgres'] as const) {
    const cases = [
      ...badDatabases.map((database) => ({ path: 'db.database', db: { database } })),
      ...badPrefixes.map((tablePrefix) => ({ path: 'db.tablePrefix', db: { tablePrefix } })),
    ]
    for (const one of cases) {
      const error = t.throws(
        () => new KafkaErrorHandler({ db: { type, ...address, ...one.db }, kafka }),
      ) as KafkaRetryError
      t.is(error.code, 'KER_CONFIG', JSON.stringify(one.db).slice(0, 100))
      const { problems } = error.details as { problems: { path: string }[] }
      t.deepEqual(
        problems.map((problem) => problem.path),
        [one.path],
      )
    }
  }
  t.is(server.connections, 0)

  // That a connection would have been seen.
  const handler = new KafkaErrorHandler({ db: { type: 'mysql', ...address }, kafka, logger: false })
  const failing = t.throwsAsync(handler.initialize())
  await eventually(async () => server.connections > 0)
  await handler.close()
  await failing
})

/** A failure stored, read and forgotten under these names. */
async function works(db: DatabaseOptions): Promise<boolean> {
  const handler = new KafkaErrorHandler({ db, kafka: { brokers: cluster.bootstrapServers }, logger: false })
  try {
    await handler.initialize()
    const dataId = "'; DROP TABLE ker_entry; --"
    const { id } = await handler.pushError({ topic: 'orders', value: '`"\'', dataId, groupId: '__proto__' })
    const entry = await handler.entries.get(id)
    const { deleted } = await handler.notifySuccess({ topic: 'orders', dataId, groupId: '__proto__' })
    return entry?.dataId === dataId && deleted === 1
  } finally {
    await handler.close()
  }
}

async function allWork(t: ExecutionContext, all: DatabaseOptions[]): Promise<void> {
  const results = await Promise.allSettled(all.map(works))
  for (const [index, result] of results.entries()) {
    const { database = '', tablePrefix = '' } = all[index] ?? {}
    const what = `${database} ${tablePrefix} ${result.status === 'rejected' ? String(result.reason) : ''}`
    t.true(result.status === 'fulfilled' && result.value, what)
  }
}

const servers = [
  {
    name: 'MariaDB',
    url: service('KER_TEST_MYSQL_URL'),
    drop: (url: string, name: string) => mariadb.sql(url, `DROP DATABASE IF EXISTS \`${name}\``),
  },
  {
    name: 'PostgreSQL',
    url: service('KER_TEST_POSTGRES_URL'),
    drop: (url: string, name: string) =>
      postgres.sql(`${url}/postgres`, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`),
  },
]

for (const { name, url, drop } of servers) {
  if (url === undefined) continue
  test(`${name}: names that fit the rule work, whatever they mean elsewhere`, async (t) => {
    const one = `ker-names-${randomUUID().slice(0, 8)}`
    t.teardown(async () => {
      for (const database of [...databases, one]) await drop(url, database)
    })
    const { protocol, hostname: host, port, username, password } = new URL(url)
    const type = protocol.slice(0, -1) as 'mysql' | 'postgres'
    const server = { type, host, port, username: decodeURIComponent(username), password: decodeURIComponent(password) }
    const names = [
      ...databases.map((database) => ({ database })),
      ...prefixes.map((tablePrefix) => ({ database: one, tablePrefix })),
      { database: 'x'.repeat(63), tablePrefix: 'x'.repeat(48) },
    ]
    await allWork(
      t,
      names.map((name) => ({ ...server, ...name, poolSize: 2 })),
    )
  })
}

test('SQLite: prefixes that fit the rule work, whatever they mean elsewhere', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-names-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const files = ["a'b.db", 'a;b.db', 'a?mode=memory', 'a%20b#c.db', '中.db', 'file:x', ':memory:x']
  const names = [
    ...[...prefixes, 'sqlite'].map((tablePrefix) => ({ database: 'names.db', tablePrefix })),
    ...files.map((database) => ({ database })),
  ]
  await allWork(
    t,
    names.map((name) => ({ type: 'sqlite', ...name, database: path.join(folder, name.database) })),
  )
})

test('a password in a URL may have any character', async (t) => {
  const url = service('KER_TEST_MYSQL_URL')
  if (url === undefined) return t.pass()
  const [user, password] = [`ker_${randomUUID().slice(0, 8)}`, '@:/%?#[]& +"\\中']
  await mariadb.sql(url, `CREATE USER ${user}@'%' IDENTIFIED BY '${password.replaceAll('\\', '\\\\')}'`)
  const database = `ker-url-${randomUUID().slice(0, 8)}`
  await mariadb.sql(url, `GRANT ALL ON \`${database}\`.* TO ${user}@'%'`)
  t.teardown(() => mariadb.sql(url, `DROP USER ${user}@'%'; DROP DATABASE IF EXISTS \`${database}\``))
  const { hostname, port } = new URL(url)
  const db = `mysql://${user}:${encodeURIComponent(password)}@${hostname}:${port}/${database}`
  const handler = new KafkaErrorHandler({ db, kafka: { brokers: cluster.bootstrapServers }, logger: false })
  t.teardown(() => handler.close())
  await handler.initialize()
  t.is(await handler.entries.count(), 0)
  return undefined
})

const loads = 'is not allowed (loads native code)'
const managed = 'is managed by this library'
const never: Record<string, string> = {
  'plugin.library.paths': loads,
  'ssl.engine.location': loads,
  'ssl.engine.id': loads,
  'ssl.providers': loads,
  interceptors: loads,
  'sasl.kerberos.kinit.cmd': 'is not allowed (runs a shell)',
  'test.mock.num.brokers': 'is not allowed (replaces the brokers)',
  'test.mock.broker.rtt': 'is not allowed (replaces the brokers)',
  'enable.auto.commit': managed,
  'enable.auto.offset.store': managed,
  'enable.ssl.certificate.verification': managed,
  'security.protocol': managed,
  'bootstrap.servers': managed,
  'metadata.broker.list': managed,
  'sasl.password': managed,
  'ssl.key.pem': managed,
  'ssl.keystore.location': 'is not allowed',
  'ssl.key.location': 'is not allowed',
  'ssl.certificate.location': 'is not allowed',
  'sasl.oauthbearer.config': 'is not allowed',
  'sasl.oauthbearer.token.endpoint.url': 'is not allowed',
  'sasl.kerberos.keytab': 'is not allowed',
}

test('settings of librdkafka that load code, run commands or break promises are refused, all at once', (t) => {
  const librdkafka = Object.fromEntries(Object.keys(never).map((name) => [name, '/tmp/canary']))
  const options = { db: 'memory:', kafka: { brokers: '127.0.0.1:1', librdkafka } }
  const error = t.throws(() => new KafkaErrorHandler(options)) as KafkaRetryError
  t.is(error.code, 'KER_CONFIG')
  const { problems } = error.details as { problems: { path: string; expected: string }[] }
  const found = problems.map(({ path: at, expected }) => [at.replace('kafka.librdkafka.', ''), expected])
  t.deepEqual(Object.fromEntries(found), never)
  t.false(error.message.includes('canary'))
})

// Rows 22–27 and 45: what a database refuses, on the real servers that the test run starts. A server that is too old or
// does not answer is the same server behind a proxy that changes a word or swallows everything.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'

import type { ExecutionContext } from 'ava'

import type { HandlerOptions, KafkaErrorHandler } from '../../index.js'
import { requireProgram } from '../../scripts/services/programs.mjs'
import { Proxy } from '../faults/proxy.mjs'
import { eventually, service } from '../suites/bench.js'
import { made as impatient, type Story } from './made.js'
import { canary, rejects, works, type Refusal } from './refusal.js'

const execute = promisify(execFile)

/** A machine that is busy takes its time over a real login. */
const made = (t: ExecutionContext, options: Partial<HandlerOptions>) =>
  impatient(t, { connectTimeout: 10_000, ...options })

async function ready(t: ExecutionContext, options: Partial<HandlerOptions>): Promise<KafkaErrorHandler> {
  const handler = made(t, options)
  await handler.initialize()
  return handler
}

interface Server {
  name: 'mysql' | 'postgres'
  url: URL
  /** Runs statements as an administrator, with the server's own client. */
  sql(statements: string, database?: string): Promise<string>
}

const servers: Server[] = []
const mysql = service('KER_TEST_MYSQL_URL')
if (mysql !== undefined) {
  const url = new URL(mysql)
  const login = [`--host=${url.hostname}`, `--port=${url.port}`, `--user=${url.username}`, `--password=${url.password}`]
  servers.push({
    name: 'mysql',
    url,
    async sql(statements, database = 'mysql') {
      const args = [
        '--no-defaults',
        '--protocol=tcp',
        ...login,
        '--skip-ssl',
        '--batch',
        '--skip-column-names',
        `--execute=${statements}`,
        database,
      ]
      return (await execute(requireProgram('mariadb'), args)).stdout.trim()
    },
  })
}
const postgres = service('KER_TEST_POSTGRES_URL')
if (postgres !== undefined) {
  const url = new URL(postgres)
  const login = [`--host=${url.hostname}`, `--port=${url.port}`, `--username=${url.username}`]
  servers.push({
    name: 'postgres',
    url,
    async sql(statements, database = 'postgres') {
      const args = [
        ...login,
        '--no-psqlrc',
        '--tuples-only',
        '--no-align',
        '--set=ON_ERROR_STOP=1',
        `--dbname=${database}`,
      ]
      const commands = statements.split(';').flatMap((one) => (one.trim() === '' ? [] : [`--command=${one}`]))
      const env = { ...process.env, PGPASSWORD: url.password }
      return (await execute(requireProgram('psql'), [...args, ...commands], { env })).stdout.trim()
    },
  })
}

/** The name of a database that is deleted when the test ends. */
function fresh(t: ExecutionContext, { name: kind, sql }: Server): string {
  const name = `ker-${randomUUID().slice(0, 8)}`
  const drop =
    kind === 'mysql' ? `DROP DATABASE IF EXISTS \`${name}\`` : `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`
  t.teardown(() => sql(drop))
  return name
}

/** The address of a database, perhaps for another user, perhaps through a proxy. */
export function databaseAt(
  url: URL,
  name: string,
  { port, user, password }: { port?: number; user?: string; password?: string } = {},
): string {
  const at = new URL(url)
  at.pathname = name
  if (port !== undefined) at.port = String(port)
  if (user !== undefined) at.username = user
  if (password !== undefined) at.password = password
  return at.href
}

/** `initialize()` fails again and again, and what it had opened is closed. */
async function fails(t: ExecutionContext, handler: KafkaErrorHandler, refusal: Refusal) {
  await rejects(t, refusal, () => handler.initialize())
  return rejects(t, refusal, () => handler.initialize())
}

async function behind(t: ExecutionContext, { url }: Server): Promise<Proxy> {
  const proxy = await Proxy.start({ target: Number(url.port) })
  t.teardown(() => proxy.close())
  return proxy
}

/** A user with a password, and the rights that the statements give. */
async function user({ name, sql }: Server, ...rights: ((user: string) => string)[]) {
  const login = { user: `u${randomUUID().slice(0, 8)}`, password: canary }
  if (name === 'mysql') await sql(`CREATE USER ${login.user}@'127.0.0.1' IDENTIFIED BY '${canary}'`)
  else await sql(`CREATE ROLE ${login.user} LOGIN PASSWORD '${canary}'`)
  const quoted = name === 'mysql' ? `${login.user}@'127.0.0.1'` : login.user
  for (const right of rights) await sql(right(quoted))
  return login
}

const noAnswer = {
  code: 'KER_STORE',
  message: 'no database connection in time: the server does not answer, or all connections are busy',
} as const

const row22 = (server: Server): Story => ({
  title: `22: ${server.name} unreachable`,
  async run(t) {
    const proxy = await behind(t, server)
    proxy.blackhole()
    const handler = made(t, { db: databaseAt(server.url, fresh(t, server), proxy), connectTimeout: 500 })
    const began = Date.now()
    await rejects(t, noAnswer, () => handler.initialize())
    t.true(Date.now() - began >= 400 && Date.now() - began < 5_000, `after ${Date.now() - began} ms`)
    await rejects(t, noAnswer, () => handler.initialize())
    t.true(proxy.accepted > 0)
    proxy.pass()
    // Connections that had been left open would go on now.
    await eventually(async () => proxy.connections.size === 0)
    await eventually(() =>
      handler.initialize().then(
        () => true,
        () => false,
      ),
    )
    await works(t, handler)
  },
})

const row20 = (server: Server): Story => ({
  title: `20: initialize twice at once on ${server.name} is one set of connections`,
  async run(t) {
    const name = fresh(t, server)
    await (await ready(t, { db: databaseAt(server.url, name) })).close()
    const proxy = await behind(t, server)
    // A second pool would make a second connection.
    const handler = made(t, { db: { url: databaseAt(server.url, name, proxy), poolSize: 1 } as never })
    await Promise.all([handler.initialize(), handler.initialize()])
    await works(t, handler)
    t.is(proxy.accepted, 1)
    await handler.close()
    await eventually(async () => proxy.connections.size === 0)
  },
})

const row23 = (server: Server): Story => ({
  title: `23: a wrong password for ${server.name}`,
  async run(t) {
    const { user: name } = await user(server)
    const login = { user: name, password: `${canary}-wrong` }
    const handler = made(t, { db: databaseAt(server.url, 'x', login) })
    const message = 'the database refused the login; check db.username and db.password'
    await fails(t, handler, { code: 'KER_STORE_AUTH', message })
  },
})

const row24 = (server: Server): Story => ({
  title: `24: a user of ${server.name} without rights`,
  async run(t) {
    const name = fresh(t, server)
    const quoted = server.name === 'mysql' ? `\`${name}\`` : `"${name}"`
    const login = await user(server)
    const handler = made(t, { db: databaseAt(server.url, name, login) })
    // MariaDB tells a user without rights nothing of whether a database exists.
    const missing = `the database does not exist, and the user may not create it; run: CREATE DATABASE ${quoted}`
    const hidden =
      'the database user lacks a right: USE; the database does not exist, or the user may not use it; ' +
      `run: CREATE DATABASE IF NOT EXISTS ${quoted} CHARACTER SET utf8mb4; GRANT ALL ON ${quoted}.* TO …`
    const message = server.name === 'mysql' ? hidden : missing
    await fails(t, handler, { code: 'KER_STORE_PRIVILEGE', message })

    await server.sql(`CREATE DATABASE ${quoted}`)
    if (server.name === 'mysql') await server.sql(`GRANT SELECT, INSERT ON ${quoted}.* TO ${login.user}@'127.0.0.1'`)
    const table =
      'the database user lacks a right: CREATE; the tables are not there yet: ' +
      'grant it for the first start, or let an administrator run the statements in details.sql'
    await fails(t, handler, { code: 'KER_STORE_PRIVILEGE', message: table })

    // Everything made by somebody else: nothing is to be created, so nothing is missing.
    await (await ready(t, { db: databaseAt(server.url, name) })).close()
    if (server.name === 'mysql') {
      await server.sql(`GRANT SELECT, INSERT, UPDATE ON ${quoted}.* TO ${login.user}@'127.0.0.1'`)
    } else {
      await server.sql(
        `GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ${login.user};
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${login.user}`,
        name,
      )
    }
    await handler.initialize()
    const { id } = await handler.pushError({ topic: 'orders', dataId: 1, value: canary })
    const refusal = { code: 'KER_STORE_PRIVILEGE', message: 'the database user lacks a right: DELETE' } as const
    await rejects(t, refusal, () => handler.entries.discard(id))
    t.is(await handler.entries.count(), 1)
  },
})

const row25 = (server: Server): Story => ({
  title: `25: tables in ${server.name} that a newer version made`,
  async run(t) {
    const name = fresh(t, server)
    const db = databaseAt(server.url, name)
    await (await ready(t, { db })).close()
    await server.sql('INSERT INTO ker_migration (version) VALUES (999)', name)
    const handler = made(t, { db })
    const message = 'the tables have version 999, made by a newer kafka-error-retry; this one knows up to 1'
    const error = await fails(t, handler, { code: 'KER_SCHEMA_NEWER', message })
    t.deepEqual(error.details, { found: 999, supported: 1 })
    await server.sql('DELETE FROM ker_migration WHERE version = 999', name)
    await handler.initialize()
    await works(t, handler)
  },
})

/** The eight bytes of a number, as PostgreSQL sends it. */
function binary(number: string | number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(number))
  return bytes.toString('latin1')
}

const row26 = (server: Server): Story => ({
  title: `26: ${server.name} too old`,
  async run(t) {
    const name = fresh(t, server)
    await (await ready(t, { db: databaseAt(server.url, name) })).close()
    const proxy = await behind(t, server)
    const refusedAs = async (instead: readonly (readonly [string, string])[], message: string, details: object) => {
      proxy.translate(instead)
      const handler = made(t, { db: databaseAt(server.url, name, proxy) })
      const error = await fails(t, handler, { code: 'KER_STORE_VERSION', message })
      t.deepEqual(error.details, details)
      proxy.pass()
      await handler.initialize()
      await works(t, handler)
    }
    if (server.name === 'mysql') {
      const version = await server.sql('SELECT VERSION()')
      const number = /^\d+\.\d+/.exec(version)?.[0] ?? ''
      // As long as what it stands for.
      const older = (major: string, minor: string) =>
        version.replace(number, major + minor.padStart(number.length - 3, '0'))
      for (const [heard, product, needed] of [
        [older('10.', '5'), 'MariaDB', '10.6.0'],
        [older('05.', '7').replaceAll('MariaDB', 'Percona'), 'MySQL', '8.0.1'],
      ] as const) {
        const message = `${product} ${heard} is too old: ${needed} or newer is needed (SKIP LOCKED)`
        await refusedAs([[version, heard]], message, { found: heard, needed })
      }
    } else {
      const found = await server.sql('SHOW server_version')
      const number = await server.sql('SHOW server_version_num')
      const message = `PostgreSQL ${found} is too old: 13 or newer is needed`
      await refusedAs([[binary(number), binary(120_022)]], message, { found, needed: '13' })
    }
  },
})

const row40 = (server: Server): Story => ({
  title: `40: a message over what ${server.name} takes`,
  async run(t) {
    const handler = await ready(t, { db: databaseAt(server.url, fresh(t, server)), maxPayloadBytes: 1_073_741_824 })
    const limit = Number(await server.sql('SELECT @@max_allowed_packet')) - 128 * 1024
    const value = Buffer.alloc(limit + 1)
    const message = `pushError: the message has ${limit + 1} bytes, more than the limit of ${limit}`
    const push = () => handler.pushError({ topic: 'orders', dataId: 1, value })
    t.like((await rejects(t, { code: 'KER_TOO_LARGE', message }, push)).details, { size: limit + 1, limit })
    t.is((await handler.pushError({ topic: 'orders', dataId: 1, value: value.subarray(1) })).retryCount, 1)
  },
})

const row45 = (server: Server): Story => ({
  title: `45, 68: ${server.name} falls silent during a call, and during close`,
  async run(t) {
    const proxy = await behind(t, server)
    const handler = await ready(t, {
      db: databaseAt(server.url, fresh(t, server), proxy),
      pushTimeout: 1_000,
      closeTimeout: 1_000,
    })
    await works(t, handler)
    proxy.blackhole()
    const began = Date.now()
    const message = { topic: 'orders', dataId: 1, value: canary }
    for (const call of [() => handler.pushError(message), () => handler.notifySuccess(message)]) {
      const error = await t.throwsAsync<Error & { code: string; outcome?: string }>(call())
      t.regex(error?.code ?? '', /^KER_(STORE|TIMEOUT)$/)
      t.regex(error?.outcome ?? '', /^(not_done|unknown)$/)
    }
    t.true(Date.now() - began < 10_000, `answered after ${Date.now() - began} ms`)
    proxy.pass()
    await eventually(() =>
      handler.pushError({ ...message, dataId: 2 }).then(
        () => true,
        () => false,
      ),
    )
    await works(t, handler)
    proxy.blackhole()
    const closing = Date.now()
    await handler.close()
    t.true(Date.now() - closing < 8_000, `closed after ${Date.now() - closing} ms`)
  },
})

const readOnly = (server: Server): Story => ({
  title: `more than the table: ${server.name} is read-only`,
  async run(t) {
    const name = fresh(t, server)
    const login = await user(server, (role) => `ALTER ROLE ${role} CREATEDB`)
    const db = databaseAt(server.url, name, login)
    await (await ready(t, { db })).close()
    await server.sql(`ALTER ROLE ${login.user} SET default_transaction_read_only = on`)
    const handler = await ready(t, { db, pushTimeout: 500 })
    const refusal = { code: 'KER_STORE', message: 'the database is not able to work now' } as const
    const push = () => handler.pushError({ topic: 'orders', dataId: 1, value: canary })
    const error = await rejects(t, refusal, push)
    t.true(error.retriable)
    t.is(error.outcome, 'not_done')
    t.is(await handler.entries.count(), 0)
  },
})

/** The variable is the server's: whoever else starts a handler meanwhile hears a warning more. */
const row27 = (server: Server): Story => ({
  title: `27: ${server.name} may lose commits`,
  async run(t) {
    t.teardown(() => server.sql('SET GLOBAL innodb_flush_log_at_trx_commit = 1'))
    await server.sql('SET GLOBAL innodb_flush_log_at_trx_commit = 2')
    const db = databaseAt(server.url, fresh(t, server))
    const warned: string[] = []
    const lenient = made(t, { db })
    lenient.on('warning', ({ code }) => warned.push(code))
    await lenient.initialize()
    await eventually(async () => warned.includes('notDurable'))
    t.is(warned.filter((code) => code === 'notDurable').length, 1)
    const message = 'the database may lose acknowledged commits: innodb_flush_log_at_trx_commit is 2'
    const strict = made(t, { db, durability: 'strict' })
    const error = await rejects(t, { code: 'KER_NOT_DURABLE', message }, () => strict.initialize())
    t.like(error.details, { variable: 'innodb_flush_log_at_trx_commit', value: '2' })
    await server.sql('SET GLOBAL innodb_flush_log_at_trx_commit = 1')
    await strict.initialize()
    await works(t, strict)
  },
})

const everywhere = [row20, row22, row23, row24, row25, row26, row45]

export const storeStories: readonly Story[] = servers.flatMap((server) => [
  ...everywhere.map((row) => row(server)),
  ...(server.name === 'mysql' ? [row27(server), row40(server)] : [readOnly(server)]),
])

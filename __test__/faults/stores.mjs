// The databases under test: started here, audited by triggers, reached by programs through a proxy.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { start as startMariadb } from '../../scripts/services/mariadb.mjs'
import { start as startPostgres } from '../../scripts/services/postgres.mjs'
import { PASSWORD_CANARY } from './payload.mjs'
import { Program } from './program.mjs'
import { Proxy } from './proxy.mjs'
import { auditOf, entriesOf, mariadbClient, postgresClient, sqliteClient } from './sql.mjs'
import { mysqlCommit, mysqlExecute, postgresCommit, postgresExecute } from './wire.mjs'

const DATABASE = 'faults'
const ACCOUNTS = Array.from({ length: 10 }, (_, n) => `sut${n}`)
const auditSql = (name) => readFileSync(fileURLToPath(new URL(`audit/${name}.sql`, import.meta.url)), 'utf8')

export const starters = { sqlite: openSqlite, mariadb: openMariadb, postgres: openPostgres }

async function openMariadb() {
  const server = await startMariadb({ args: ['--max-connections=500'] })
  const client = mariadbClient(server.port)
  const accounts = ACCOUNTS.map(
    (name) =>
      `CREATE USER ${name}@'127.0.0.1' IDENTIFIED BY '${PASSWORD_CANARY}'; GRANT ALL ON *.* TO ${name}@'127.0.0.1';`,
  )
  await client.rows('mysql', `CREATE DATABASE ${DATABASE}; ${accounts.join('\n')}`)
  return openServer({ name: 'mariadb', scheme: 'mysql', server, client, first: mysqlExecute, further: mysqlCommit })
}

async function openPostgres() {
  const server = await startPostgres({ args: ['--max_connections=500'] })
  const client = postgresClient(server.port)
  const accounts = ACCOUNTS.map((name) => `CREATE ROLE ${name} LOGIN SUPERUSER PASSWORD '${PASSWORD_CANARY}';`)
  await client.rows('postgres', `${accounts.join('\n')}\nCREATE DATABASE ${DATABASE};`)
  return openServer({
    name: 'postgres',
    scheme: 'postgres',
    server,
    client,
    first: postgresExecute,
    further: postgresCommit,
  })
}

/** `first` and `further`: the request by which a first failure of an id, or a further one, is committed. */
async function openServer({ name, scheme, server, client, first, further }) {
  const url = (port, who = 0, database = DATABASE) =>
    `${scheme}://${ACCOUNTS[who]}:${PASSWORD_CANARY}@127.0.0.1:${port}/${database}`
  await makeTables(url(server.port))
  await client.rows(DATABASE, auditSql(name))
  return {
    name,
    server,
    client,
    first,
    further,
    isServer: true,
    /** A place for one trial. Each program has a proxy of its own when it asks for one, and always an account. */
    place: () => ({
      database: DATABASE,
      db: ({ who = 0, proxy } = {}) => url(proxy?.port ?? server.port, who),
      remove: () => {},
    }),
    proxy: () => Proxy.start({ target: server.port }),
    url,
    ...readers(client),
    stop: () => server.stop(),
  }
}

async function openSqlite() {
  const client = sqliteClient()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'kafka-error-retry-faults-'))
  const template = path.join(folder, 'template.db')
  await makeTables(`sqlite:${template}`)
  await client.rows(template, auditSql('sqlite'))
  let files = 0
  return {
    name: 'sqlite',
    client,
    isServer: false,
    place() {
      const database = path.join(folder, `${++files}.db`)
      copyFileSync(template, database)
      const remove = () => ['', '-wal', '-shm'].forEach((end) => rmSync(`${database}${end}`, { force: true }))
      return { database, db: () => `sqlite:${database}`, remove }
    },
    ...readers(client),
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

function readers(client) {
  return {
    entries: ({ database }, namespace) => entriesOf(client, database, namespace),
    audit: ({ database }, namespace) => auditOf(client, database, namespace),
  }
}

/** The tables are made by the code under test, and only then audited. */
async function makeTables(db) {
  const history = []
  const options = { db, kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, logger: false }
  const maker = new Program('maker', 'all-in-one.mjs', { options }, { history })
  await maker.ready()
  await maker.close()
  const failed = history.find(({ type }) => type === 'fail')
  if (failed) throw new Error(`the tables could not be made: ${failed.text}`)
}

// Users of the database with few rights, and refused logins.
import test, { type ExecutionContext } from 'ava'
import { inspect } from 'node:util'

import { KafkaErrorHandler, type DatabaseOptions, type KafkaRetryError } from '../index.js'
import { mariaDbAccount, postgresAccount, type Account } from './suites/accounts.js'
import { startMockCluster } from './suites/mock-cluster.js'

const cluster = startMockCluster()
test.after.always('the brokers end', () => cluster.close())

const rights = 'SELECT, INSERT, UPDATE, DELETE'

const databases = [
  {
    name: 'MariaDB',
    account: mariaDbAccount,
    mayUseTables: ({ database, username }: Account) => `GRANT ${rights} ON \`${database}\`.* TO ${username}@'%'`,
    mayMakeTables: ({ database, username }: Account) => `GRANT CREATE ON \`${database}\`.* TO ${username}@'%'`,
    mayOnlyRead: ({ database, username }: Account) =>
      `REVOKE INSERT, UPDATE, DELETE ON \`${database}\`.* FROM ${username}@'%'`,
  },
  {
    name: 'PostgreSQL',
    account: postgresAccount,
    mayUseTables: ({ username }: Account) =>
      `GRANT ${rights} ON ALL TABLES IN SCHEMA public TO ${username};
       ALTER DEFAULT PRIVILEGES GRANT ${rights} ON TABLES TO ${username}`,
    mayMakeTables: ({ username }: Account) => `GRANT CREATE ON SCHEMA public TO ${username}`,
    mayOnlyRead: ({ username }: Account) =>
      `REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM ${username}`,
  },
]

async function opened(t: ExecutionContext, account: () => Promise<Account | undefined>): Promise<Account | undefined> {
  const one = await account()
  if (one === undefined) t.log('left out: no server')
  else t.teardown(() => one.end())
  return one
}

function handlerOf(t: ExecutionContext, account: Account, db: Partial<DatabaseOptions> = {}): KafkaErrorHandler {
  const { database, username, password, address } = account
  const handler = new KafkaErrorHandler({
    db: { ...address, database, username, password, ...db },
    kafka: { brokers: cluster.bootstrapServers },
    logger: false,
  })
  t.teardown(() => handler.close())
  return handler
}

/** The error of a promise; everything about it that could be printed has no password and no address with one. */
async function errorOf(t: ExecutionContext, promise: Promise<unknown>): Promise<KafkaRetryError> {
  const error = (await t.throwsAsync(promise)) as KafkaRetryError
  const printed = [inspect(error, { depth: 9 }), JSON.stringify(error), String(error.stack), String(error.cause)].join()
  t.false(/CANARY|:\/\//.test(printed), printed)
  return error
}

for (const { name, account: open, mayUseTables, mayMakeTables, mayOnlyRead } of databases) {
  test(`${name}: reading and writing is enough where the tables are there`, async (t) => {
    const account = await opened(t, open)
    if (account === undefined) return t.pass()
    // As the tables get there without any right of the user's: by the text that the refusal hands over.
    await account.sql(mayUseTables(account))
    const refusal = await errorOf(t, handlerOf(t, account).initialize())
    await account.sql((refusal.details as { sql: string }).sql)
    await account.sql(mayUseTables(account))

    for (const schema of ['auto', 'verify', 'none'] as const) {
      const { database, username, password, address } = account
      const db = { ...address, database, username, password }
      const options = { db, kafka: { brokers: cluster.bootstrapServers }, schema, logger: false } as const
      const handler = new KafkaErrorHandler(options)
      t.teardown(() => handler.close())
      await handler.initialize()
      const { id } = await handler.pushError({ topic: 'orders', value: 'v', dataId: schema })
      t.like(await handler.entries.get(id), { retryCount: 1 })
      await handler.pause('orders')
      await handler.resume('orders')
      t.deepEqual(await handler.notifySuccess({ topic: 'orders', dataId: schema }), { deleted: 1 })
    }
    return undefined
  })

  test(`${name}: without the right to make tables, the error names the statement and hands over the SQL`, async (t) => {
    const account = await opened(t, open)
    if (account === undefined) return t.pass()
    await account.sql(mayUseTables(account))
    const handler = handlerOf(t, account)
    const error = await errorOf(t, handler.initialize())
    t.like(error, { code: 'KER_STORE_PRIVILEGE', retriable: false })
    t.regex(error.message, /lacks a right: CREATE; the tables are not there yet/)
    const { statement, sql } = error.details as { statement: string; sql: string }
    t.is(statement, 'CREATE')
    for (const table of ['ker_entry', 'ker_paused', 'ker_migration']) t.true(sql.includes(table), table)

    // The right comes, and the same handler works.
    await account.sql(mayMakeTables(account))
    await handler.initialize()
    t.is(await handler.entries.count(), 0)
    return undefined
  })

  test(`${name}: without the right to make the database, the error hands over the SQL`, async (t) => {
    const account = await opened(t, open)
    if (account === undefined) return t.pass()
    const database = `${account.database}-missing`
    const error = await errorOf(t, handlerOf(t, account, { database }).initialize())
    t.is(error.code, 'KER_STORE_PRIVILEGE')
    t.true((error.details as { sql: string }).sql.includes(`CREATE DATABASE`))
    t.regex(error.message, new RegExp(`CREATE DATABASE .*${database}`))
    return undefined
  })

  test(`${name}: a right that is lost later is told by the call that needs it`, async (t) => {
    const account = await opened(t, open)
    if (account === undefined) return t.pass()
    await account.sql(mayUseTables(account))
    await account.sql(mayMakeTables(account))
    const first = handlerOf(t, account)
    await first.initialize()
    await first.pushError({ topic: 'orders', value: 'CANARY-payload', dataId: 'a' })
    await account.sql(mayOnlyRead(account))
    // MariaDB asks for rights when a connection is made.
    const handler = handlerOf(t, account)
    await handler.initialize()
    const error = await errorOf(t, handler.pushError({ topic: 'orders', value: 'CANARY-payload', dataId: 'b' }))
    t.like(error, { code: 'KER_STORE_PRIVILEGE', outcome: 'not_done', retriable: false })
    t.regex(error.message, /lacks a right: (INSERT|SELECT|UPDATE)/)
    t.is(await handler.entries.count({ dataId: 'a' }), 1, 'what may be read is still read')
    return undefined
  })

  test(`${name}: a wrong password is KER_STORE_AUTH and shows neither it nor the address`, async (t) => {
    const account = await opened(t, open)
    if (account === undefined) return t.pass()
    const wrong = 'CANARY-pw-wrong'
    const { type, host, port } = account.address
    const url = `${type}://${account.username}:${wrong}@${host}:${port}/${account.database}`
    for (const db of [{ password: wrong }, { username: 'nobody', password: wrong }, { password: '' }]) {
      const error = await errorOf(t, handlerOf(t, account, db).initialize())
      t.like(error, { code: 'KER_STORE_AUTH', retriable: false }, JSON.stringify(Object.keys(db)))
      t.regex(error.message, /db\.username and db\.password/)
    }
    const byUrl = new KafkaErrorHandler({ db: url, kafka: { brokers: cluster.bootstrapServers }, logger: false })
    t.teardown(() => byUrl.close())
    t.like(await errorOf(t, byUrl.initialize()), { code: 'KER_STORE_AUTH' })
    return undefined
  })
}

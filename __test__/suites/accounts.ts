// Users with few rights, on the servers that all specs share.
import { randomUUID } from 'node:crypto'

import * as mariadb from '../../scripts/services/mariadb.mjs'
import * as postgres from '../../scripts/services/postgres.mjs'
import { service } from './bench.js'

/** A database of its own with a user who may not do anything in it yet. */
export interface Account {
  database: string
  username: string
  password: string
  /** As the administrator, in that database. */
  sql(text: string): Promise<string>
  /** Where the user connects to. */
  address: { type: 'mysql' | 'postgres'; host: string; port: string }
  end(): Promise<void>
}

const some = () => randomUUID().slice(0, 8)

export async function mariaDbAccount(): Promise<Account | undefined> {
  const url = service('KER_TEST_MYSQL_URL')
  if (url === undefined) return undefined
  const [database, username, password] = [`ker-users-${some()}`, `ker_${some()}`, `CANARY-pw-${some()}`]
  const sql = (text: string) => mariadb.sql(url, text)
  await sql(`CREATE DATABASE \`${database}\`; CREATE USER ${username}@'%' IDENTIFIED BY '${password}'`)
  const end = async () => void (await sql(`DROP DATABASE \`${database}\`; DROP USER ${username}@'%'`))
  return {
    database,
    username,
    password,
    sql: (text) => sql(`USE \`${database}\`; ${text}`),
    address: address(url),
    end,
  }
}

export async function postgresAccount(): Promise<Account | undefined> {
  const url = service('KER_TEST_POSTGRES_URL')
  if (url === undefined) return undefined
  const [database, username, password] = [`ker-users-${some()}`, `ker_${some()}`, `CANARY-pw-${some()}`]
  const server = (text: string) => postgres.sql(`${url}/postgres`, text)
  const sql = (text: string) => postgres.sql(`${url}/${database}`, text)
  await server(`CREATE DATABASE "${database}"`)
  await server(`CREATE USER ${username} PASSWORD '${password}'`)
  await sql('REVOKE CREATE ON SCHEMA public FROM PUBLIC') // the default since version 15
  const end = async () => {
    await server(`DROP DATABASE "${database}" WITH (FORCE)`)
    await server(`DROP USER ${username}`)
  }
  return { database, username, password, sql, address: address(url), end }
}

function address(url: string): Account['address'] {
  const { protocol, hostname, port } = new URL(url)
  return { type: protocol === 'postgres:' ? 'postgres' : 'mysql', host: hostname, port }
}

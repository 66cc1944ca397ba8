// No password, key or payload in anything that leaves the process: a child that fails in every way prints all it hears.
import test from 'ava'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

import { certificateAuthority } from '../scripts/services/certificates.mjs'
import * as mariadb from '../scripts/services/mariadb.mjs'
import * as postgres from '../scripts/services/postgres.mjs'
import { brokers, service } from './suites/bench.js'

const mysql = service('KER_TEST_MYSQL_URL')
const pg = service('KER_TEST_POSTGRES_URL')
const name = `ker-canary-${randomUUID().slice(0, 8)}`

test.after.always('the databases of the story go', async () => {
  if (mysql) await mariadb.sql(mysql, `DROP DATABASE IF EXISTS \`${name}\``)
  if (pg) await postgres.sql(`${pg}/postgres`, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
})

async function story(): Promise<{ said: string; code: number | null }> {
  const { cert, key } = certificateAuthority().issue({ name: 'service', passphrase: 'CANARY-passphrase' })
  const servers = [mysql, pg].filter((url) => url !== undefined)
  // The child's own arguments are not what it says.
  const given = JSON.stringify({ cert, key, servers, brokers, name })
  const child = spawn(process.execPath, ['__test__/suites/canary.mjs', given], {
    env: { ...process.env, NODE_OPTIONS: '', KAFKA_ERROR_RETRY_DEBUG: '1', RUST_BACKTRACE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { said: `${out}\n${errors}`, code: code as number | null }
}

test('passwords, keys and payloads are in no line, event, error, stack or print of a handler', async (t) => {
  const { said, code } = await story()
  t.is(code, 1, 'it ended by the error that nobody caught')
  t.true(said.includes('the end of the story'), said.slice(-2_000))
  // That it did say something, of each kind.
  const kinds = [
    'memory log: ',
    'librdkafka: ',
    'memory stored: ',
    'memory warning: ',
    'KER_CONFIG',
    'KER_ARGUMENT',
    'KER_TOO_LARGE',
    'KER_STATE',
    'KER_STORE',
    'KER_CLOSED',
    'store push',
    'headersInvalid',
    'KER_HANDLER',
    ...(mysql ? ['KER_STORE_AUTH'] : []),
    ...(mysql && brokers ? ['full mysql redelivered: '] : []),
  ]
  for (const kind of kinds) t.true(said.includes(kind), `nothing was said of the kind ${kind}`)
  t.true(said.length > 100_000)
  const found = said.split('\n').filter((line) => line.includes('CANARY') || line.includes('BEGIN ENCRYPTED'))
  t.deepEqual(found.slice(0, 10), [], `${found.length} lines`)
})

// Many processes at the same entries: what a database refuses for that reason is done again and reaches no caller.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { promisify } from 'node:util'

import test from 'ava'

import type { HandlerOptions } from '../../index.js'
import { start as startMariaDb } from '../../scripts/services/mariadb.mjs'
import { backend } from '../suites/bench.js'
import { rounds } from '../suites/rounds.js'
import { ask, has } from '../suites/servers.js'

const run = promisify(execFile)

/** Four processes at once; resolves with what was refused to any of them. */
async function storm(db: HandlerOptions['db'], count: number): Promise<{ refused: unknown[]; kept: number[] }> {
  const options: HandlerOptions = {
    db,
    namespace: randomUUID().slice(0, 30),
    kafka: { brokers: '127.0.0.1:1' },
    ensureTopics: false,
    connectTimeout: 30_000,
    pushTimeout: 60_000,
    logger: false,
  }
  const program = path.resolve('__test__/suites/storm.mjs')
  const one = async () => {
    const { stdout } = await run(process.execPath, [program, JSON.stringify(options), 'orders', String(count)], {
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    return JSON.parse(stdout) as { refused: unknown[]; kept: number }
  }
  const answers = await Promise.all([one(), one(), one(), one()])
  return { refused: answers.flatMap(({ refused }) => refused), kept: answers.map(({ kept }) => kept) }
}

for (const name of ['sqlite', 'mysql', 'postgres'] as const) {
  const store = backend(name)
  if (store === undefined) continue
  test.serial(`four processes at the same entries of ${name}: nothing of that reaches a caller`, async (t) => {
    t.teardown(() => store.end())
    const count = rounds(400, 5000)
    const { refused, kept } = await storm(store.db, count)
    t.deepEqual(refused, [])
    // Half of each one's own, and what is left of the ten that all share.
    t.true(Math.max(...kept) >= 2 * count && Math.max(...kept) <= 2 * count + 10, String(kept))
  })
}

if (has('mariadb')) {
  test.serial('the same where MariaDB refuses to lock what changed since the snapshot', async (t) => {
    const server = await startMariaDb({ args: ['--loose-innodb-snapshot-isolation=ON'] })
    t.teardown(() => server.stop())
    const [variable] = await ask(server.url, `SHOW VARIABLES LIKE 'innodb_snapshot_isolation'`)
    // Versions before 10.6.18 and 10.11.8 do not have it, and then this is the test above once more.
    if (variable !== undefined) t.deepEqual(variable, ['innodb_snapshot_isolation', 'ON'])
    const { refused } = await storm(`${server.url}/storm`, rounds(200, 5000))
    t.deepEqual(refused, [])
  })
}

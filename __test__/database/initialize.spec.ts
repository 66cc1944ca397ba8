// Many processes make the tables at once, one dies over it, and a newer schema is left alone.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'

import test from 'ava'

import { KafkaErrorHandler } from '../../index.js'
import type { HandlerOptions } from '../../index.js'
import { backend, eventually } from '../suites/bench.js'
import { rounds } from '../suites/rounds.js'
import { ask } from '../suites/servers.js'

const { panicNext } = createRequire(path.resolve('package.json'))('./native.js') as { panicNext?: unknown }
const diesOnRequest = panicNext !== undefined

const program = path.resolve('__test__/suites/initializer.mjs')

/** A process that is loaded and waits for its signal; `answer` is what it says after that, or '' when it dies. */
async function waiting(options: HandlerOptions, env = {}) {
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => undefined) // it was killed before it had read its signal
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next()
  const answer = lines.next().then(({ value }: { value?: string }) => value ?? '')
  const end = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>
  return { begin: () => child.stdin.write('go\n'), kill: () => child.kill('SIGKILL'), answer, end }
}

function optionsFor(db: HandlerOptions['db']): HandlerOptions {
  return { db, kafka: { brokers: '127.0.0.1:1' }, connectTimeout: 30_000, pushTimeout: 30_000, logger: false }
}

for (const name of ['sqlite', 'mysql', 'postgres'] as const) {
  const store = backend(name)
  if (store === undefined) continue
  test.after.always(() => store.end())
  // Not there yet: the first of them also makes the database.
  const fresh = () =>
    name === 'sqlite'
      ? `${String(store.db)}-${randomUUID()}`
      : String(store.db).replace(/[^/]+$/, `ker-${randomUUID()}`)

  test.serial(`many processes make the tables of ${name} at once, and those that die over it harm none`, async (t) => {
    const options = optionsFor(fresh())
    // In builds for tests the first one dies half-way; the others find what it left behind.
    const first = await waiting(options, { KER_FP: 'init.mid_migration=kill' })
    first.begin()
    const [code, signal] = await first.end
    if (diesOnRequest) t.is(signal, 'SIGKILL', String(code))
    const many = await Promise.all(Array.from({ length: rounds(10, 20) }, () => waiting(options)))
    const [victim, ...others] = many
    for (const one of many) one.begin()
    setTimeout(() => victim?.kill(), Math.random() * 100)
    for (const { answer, end } of others) {
      t.is(await answer, '{"retryCount":1}')
      t.deepEqual(await end, [0, null])
    }
    await victim?.end
    const handler = new KafkaErrorHandler(options)
    t.teardown(() => handler.close())
    await handler.initialize()
    t.true((await handler.entries.count()) >= others.length)
    if (name !== 'sqlite') t.deepEqual(await ask(String(options.db), 'SELECT version FROM ker_migration'), [['1']])
  })

  if (name === 'sqlite') continue
  test.serial(`tables of ${name} that a newer version made are refused and left alone`, async (t) => {
    const db = fresh()
    const first = new KafkaErrorHandler(optionsFor(db))
    await first.initialize()
    await first.close()
    await ask(db, 'INSERT INTO ker_migration (version) VALUES (99)')
    const second = new KafkaErrorHandler(optionsFor(db))
    const error = await t.throwsAsync(second.initialize())
    t.like(error, { code: 'KER_SCHEMA_NEWER', details: { found: 99, supported: 1 } })
    await second.close()
    t.deepEqual(await ask(db, 'SELECT MAX(version) FROM ker_migration'), [['99']])
  })
}

const postgres = backend('postgres')
if (postgres !== undefined) {
  test.serial('who finds the tables of postgres being made waits longer than for a row', async (t) => {
    const db = String(postgres.db).replace(/[^/]+$/, `ker-${randomUUID()}`)
    await ask(db.replace(/[^/]+$/, ''), `CREATE DATABASE "${new URL(db).pathname.slice(1)}"`)
    const lock = `SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.ker_migration'))`
    const maker = ask(db, `BEGIN; ${lock}; SELECT pg_sleep(4); COMMIT`)
    const held = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted`
    await eventually(async () => (await ask(db, held)).length > 0)
    const handler = new KafkaErrorHandler(optionsFor(db))
    t.teardown(() => handler.close())
    await handler.initialize()
    await maker
    t.is(await handler.entries.count(), 0)
  })
}

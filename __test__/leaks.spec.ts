// What calls and objects leave behind: nothing that grows.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

import test from 'ava'

import { KafkaErrorHandler } from '../index.js'
import { backend, eventually } from './suites/bench.js'
import { startMockCluster } from './suites/mock-cluster.js'
import { rounds } from './suites/rounds.js'
import { ask } from './suites/servers.js'

const before = `
  const { KafkaErrorHandler } = require('kafka-error-retry')
  const options = { db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, connectTimeout: 100, logger: false }
  const turn = () => new Promise((resolve) => setTimeout(resolve, 50))
  const resident = () => { gc(); return process.memoryUsage().rss }
  const say = (value) => console.log(JSON.stringify(value))`

/** Runs a program with the collector within its reach; resolves with what it says last. */
async function say<T>(program: string, env = {}): Promise<T> {
  const child = spawn(process.execPath, ['--expose-gc', '-e', `${before}\n;(async () => {${program}})()`], {
    env: { ...process.env, NODE_OPTIONS: '', MALLOC_ARENA_MAX: '2', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (data) => (text += String(data)))
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`ended with ${code}: ${text}`)
  return JSON.parse(text.trim().split('\n').at(-1) ?? '') as T
}

test.serial('listeners that are added and removed again are forgotten', async (t) => {
  const { isGone, grown } = await say<{ isGone: boolean; grown: number }>(`
    const handler = new KafkaErrorHandler(options)
    const add = () => { const listener = () => handler; handler.on('dead', listener); handler.off('dead', listener); return new WeakRef(listener) }
    const first = add()
    for (let n = 0; n < 10000; n++) add()
    await turn(); gc()
    const heap = process.memoryUsage().heapUsed
    for (let n = 0; n < ${rounds(50_000, 1_000_000)}; n++) add()
    await turn(); gc()
    say({ isGone: first.deref() === undefined, grown: process.memoryUsage().heapUsed - heap })`)
  t.true(isGone)
  t.true(grown < 1024 * 1024, `${grown} bytes`)
})

test.serial('calls that are refused leave nothing behind', async (t) => {
  // Refused for each reason that there is: by their argument, because too many wait, because the store is away.
  const grown = await say<number>(`
    const bad = new KafkaErrorHandler({ ...options, maxPending: 1 })
    await bad.initialize()
    const away = new KafkaErrorHandler({ ...options, pushTimeout: 1, db: 'postgres://nobody@127.0.0.1:1/none' })
    const round = async () => {
      const calls = []
      for (let n = 0; n < 200; n++) {
        calls.push(bad.pushError({ topic: 1 }), bad.pushError({ topic: 'orders', value: 'v', dataId: n }), away.pushError({ topic: 'orders', value: 'v' }))
      }
      const ends = await Promise.allSettled(calls)
      return ends.filter(({ status }) => status === 'rejected').length
    }
    for (let n = 0; n < 250; n++) if (await round() < 400) throw new Error('they are not refused')
    const first = resident()
    for (let n = 0; n < ${rounds(100, 2000)}; n++) await round()
    say(resident() - first)
    await bad.close(); await away.close()`)
  t.log(`${(grown / 1024 / 1024).toFixed(1)} MiB`)
  // What the store took on the way: one entry for each number, which are the same in every round.
  t.true(grown < 5 * 1024 * 1024, `${grown} bytes`)
})

test.serial('a handler that is forgotten without close is closed by the collector, and the log says so', async (t) => {
  const { lines, isGone } = await say<{ lines: string[]; isGone: boolean }>(`
    const lines = []
    const logger = ({ code }) => lines.push(code)
    const forget = async () => {
      const handler = new KafkaErrorHandler({ ...options, logger })
      // A listener that leads back to its handler is the usual kind.
      handler.on('dead', () => handler.stats())
      await handler.initialize()
      await handler.pushError({ topic: 'orders', value: 'v', dataId: 1 })
      return new WeakRef(handler)
    }
    const found = await forget()
    for (let n = 0; n < 200 && !lines.includes('notClosed'); n++) { await turn(); gc() }
    say({ lines, isGone: found.deref() === undefined })`)
  t.true(isGone)
  t.is(lines.filter((code) => code === 'notClosed').length, 1, lines.join())
})

test.serial('a handler whose retry task runs is not forgotten, though nobody holds it', async (t) => {
  const lines = await say<string[]>(`
    const lines = []
    const forget = async () => {
      const handler = new KafkaErrorHandler({ ...options, logger: ({ code }) => lines.push(code) })
      await handler.initialize()
      await handler.runRetryTask()
      return new WeakRef(handler)
    }
    await forget()
    for (let n = 0; n < 20; n++) { await turn(); gc() }
    say(lines)
    process.exit(0)`)
  t.false(lines.includes('notClosed'))
})

const count = (): number => Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

for (const name of ['mysql', 'postgres'] as const) {
  const store = backend(name)
  if (store === undefined || process.platform !== 'linux') continue
  const sessions =
    name === 'mysql'
      ? `SELECT id FROM information_schema.processlist WHERE db = 'ker-leaks'`
      : `SELECT pid FROM pg_stat_activity WHERE datname = 'ker-leaks' AND application_name = 'kafka-error-retry'`
  test.serial(`handlers that were closed leave no connection to ${name} and no thread`, async (t) => {
    const db = String(store.db).replace(/[^/]+$/, 'ker-leaks')
    const cluster = startMockCluster()
    t.teardown(() => cluster.close())
    const kafka = { brokers: cluster.bootstrapServers }
    const cycle = async () => {
      const handler = new KafkaErrorHandler({
        db,
        kafka,
        logger: false,
      })
      await handler.initialize()
      const ids = Array.from({ length: 50 }, (_, n) => ({ topic: 'orders', value: 'v', dataId: n }))
      await Promise.all([handler.pushError(ids), handler.stats(), handler.entries.count()])
      await handler.notifySuccess(ids)
      await handler.close()
    }
    for (let n = 0; n < 3; n++) await cycle()
    const threads = count()
    for (let n = 0; n < rounds(10, 200); n++) await cycle()
    await eventually(async () => (await ask(String(store.db).replace(/[^/]+$/, ''), sessions)).length === 0)
    await eventually(() => Promise.resolve(count() <= threads))
    t.pass()
  })

  test.serial(`an initialization that fails leaves no connection to ${name}`, async (t) => {
    const db = String(store.db).replace(/[^/]+$/, 'ker-leaks')
    for (let n = 0; n < 2; n++) {
      const handler = new KafkaErrorHandler({
        db,
        kafka: { brokers: '127.0.0.1:1' },
        requireKafka: true,
        connectTimeout: 2000,
        logger: false,
      })
      await t.throwsAsync(handler.initialize(), { message: /broker/ })
    }
    await eventually(async () => (await ask(String(store.db).replace(/[^/]+$/, ''), sessions)).length === 0)
    t.pass()
  })
}

test.serial('memory does not grow with handlers that come and go', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-leaks-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const cluster = startMockCluster()
  t.teardown(() => cluster.close())
  const perCycle = await say<number>(
    `
    const cycle = async () => {
      const handler = new KafkaErrorHandler({ ...options, connectTimeout: 10000, db: 'sqlite:' + process.env.FILE, kafka: { brokers: process.env.BROKERS } })
      await handler.initialize()
      const ids = Array.from({ length: 50 }, (_, n) => ({ topic: 'orders', value: 'v', dataId: n }))
      await handler.pushError(ids)
      await handler.notifySuccess(ids)
      await handler.close()
    }
    for (let n = 0; n < ${rounds(20, 150)}; n++) await cycle()
    await turn()
    const first = resident()
    for (let n = 0; n < ${rounds(40, 200)}; n++) await cycle()
    await turn()
    say((resident() - first) / ${rounds(40, 200)})`,
    { FILE: path.join(folder, 'retry.db'), BROKERS: cluster.bootstrapServers },
  )
  t.log(`${(perCycle / 1024).toFixed(1)} KiB a cycle`)
  // Twenty in the long run; a short one has the noise of a few pages in fewer cycles.
  t.true(perCycle < (rounds(40, 200) > 100 ? 20 : 100) * 1024, `${perCycle} bytes a cycle`)
})

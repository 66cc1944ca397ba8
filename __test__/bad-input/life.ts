// Rows about the life of a handler: what may be called when, and on what.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'

import { loadFailure } from '../../dist/binary.js'
import { KafkaErrorHandler, LoadError } from '../../index.js'
import { Proxy as FaultyProxy } from '../faults/proxy.mjs'
import { event } from '../suites/bench.js'
import { made, message, options, ready, warnings, type Story } from './made.js'
import { rejects, throws, works } from './refusal.js'

const run = promisify(execFile)
const { MockCluster } = createRequire(path.resolve('package.json'))('./native.js') as {
  MockCluster: new (brokers: number) => { bootstrapServers: string; close(): void }
}

/** Every call that needs the store. */
const calls: readonly [method: string, call: (handler: KafkaErrorHandler) => Promise<unknown>][] = [
  ['pushError', (handler) => handler.pushError(message)],
  ['pushError', (handler) => handler.pushError([message])],
  ['pushError', (handler) => handler.pushError(null as never)],
  ['notifySuccess', (handler) => handler.notifySuccess(message)],
  ['runRetryTask', (handler) => handler.runRetryTask()],
  ['sweep', (handler) => handler.sweep()],
  ['adopt', (handler) => handler.adopt()],
  ['stats', (handler) => handler.stats()],
  ['metrics', (handler) => handler.metrics()],
  ['pause', (handler) => handler.pause('orders')],
  ['resume', (handler) => handler.resume('orders')],
  ['entries.list', (handler) => handler.entries.list()],
  ['entries.get', (handler) => handler.entries.get('1')],
  ['entries.count', (handler) => handler.entries.count()],
  ['entries.requeue', (handler) => handler.entries.requeue('1')],
  ['entries.retryNow', (handler) => handler.entries.retryNow('1')],
  ['entries.hold', (handler) => handler.entries.hold('1')],
  ['entries.discard', (handler) => handler.entries.discard('1')],
  ['entries.purge', (handler) => handler.entries.purge({ all: true })],
]

const first = { code: 'KER_STATE', message: 'call initialize function first' } as const
const closed = (method: string) => ({ code: 'KER_CLOSED', message: `${method}: the handler is closed` }) as const

const synchronous = new Set(['on', 'once', 'off'])

function methodsOf(one: object): string[] {
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(one))
  return Object.keys(members).filter((name) => name !== 'constructor' && typeof members[name]?.value === 'function')
}

export const lifeStories: readonly Story[] = [
  {
    title: '7: a database on another machine without TLS is a warning',
    async run(t) {
      // An address that is nobody's (RFC 5737).
      const handler = made(t, { db: { type: 'postgres', host: '192.0.2.1', tls: false }, connectTimeout: 200 })
      const heard = warnings(handler, 'insecureTransport')
      const warned = event(handler, 'warning')
      await t.throwsAsync(handler.initialize(), { code: 'KER_STORE' })
      await warned
      t.is(heard.length, 1)
      const beside = made(t, { db: { type: 'postgres', host: '127.0.0.1', port: 1, tls: false }, connectTimeout: 200 })
      const silence = warnings(beside, 'insecureTransport')
      await t.throwsAsync(beside.initialize(), { code: 'KER_STORE' })
      await beside.close()
      t.deepEqual(silence, [], 'the network is not used')
    },
  },
  {
    title: '3: a second getInstance with other options',
    async run(t) {
      const policy = { retryCount: 3 }
      const one = KafkaErrorHandler.getInstance({ ...options, policy, logger: () => 1 })
      t.teardown(() => one.close())
      t.is(KafkaErrorHandler.getInstance(), one)
      const same = { logger: () => 2, policy, ...options, kafka: { brokers: ['127.0.0.1:1'] } }
      t.is(KafkaErrorHandler.getInstance({ ...same, logger: () => 3 }), one)
      for (const [path, further] of [
        ['policy.retryCount', { policy: { retryCount: 4 } }],
        ['groupId', { policy, groupId: 'g' }],
        ['db.password', { policy, db: { type: 'memory', password: 'another' } }],
      ] as const) {
        const message = `getInstance: already created with different options (${path})`
        throws(t, { code: 'KER_STATE', message }, () => KafkaErrorHandler.getInstance({ ...options, ...further }))
      }
      throws(t, { code: 'KER_CONFIG', message: 'getInstance: options must be an object, received null' }, () =>
        KafkaErrorHandler.getInstance(null as never),
      )
      await one.initialize()
      await works(t, one)
      await one.close()
      const other = KafkaErrorHandler.getInstance({ ...options, policy: { retryCount: 4 } })
      t.not(other, one, 'its close made room for a new one')
      await other.close()
    },
  },
  {
    title: '18: a logger that throws is caught, reported once, and disabled after 10',
    async run(t) {
      let lines = 0
      const logger = () => {
        lines += 1
        throw new Error('disk full')
      }
      const handler = made(t, { logger })
      const errors: unknown[] = []
      handler.on('error', (error) => errors.push(error))
      await handler.initialize()
      // Each is one warning, and so one line of the log.
      const broken = Array.from({ length: 20 }, (_, dataId) => ({
        ...message,
        dataId,
        headers: { 'x-ker-entry': 'x' },
      }))
      await handler.pushError(broken)
      const heard = event(handler, 'stored', ({ dataId }) => dataId === 'last')
      await handler.pushError({ ...message, dataId: 'last' })
      await heard
      t.is(lines, 10)
      t.is(errors.length, 1)
      t.like(errors[0], { code: 'KER_HANDLER', cause: { message: 'disk full' } })
      await works(t, handler)
    },
  },
  {
    title: '20, 68: initialize and close are shared by all who ask',
    async run(t) {
      const handler = made(t)
      t.is(handler.initialize(), handler.initialize())
      await handler.initialize()
      await works(t, handler)
      t.is(handler.close(), handler.close())
      await handler.close()
    },
  },
  {
    title: '21, 46, 51: what is called during or after close',
    async run(t) {
      const handler = await ready(t)
      const before = handler.pushError(message)
      const closing = handler.close()
      for (const [method, call] of calls) {
        const error = await rejects(t, closed(method), () => call(handler))
        t.is(error.outcome, 'not_done')
      }
      await closing
      t.is((await before).retryCount, 1, 'what was called before close is done')
      for (const [method, call] of calls) await rejects(t, closed(method), () => call(handler))
      await rejects(t, closed('initialize'), () => handler.initialize())
    },
  },
  {
    title: '28: Kafka unreachable, and required',
    async run(t) {
      const silent = await FaultyProxy.start()
      silent.blackhole()
      t.teardown(() => silent.close())
      const brokers = `127.0.0.1:${silent.port}`
      const handler = made(t, { kafka: { brokers }, requireKafka: true, connectTimeout: 500 })
      for (let n = 0; n < 2; n += 1) {
        const began = Date.now()
        const error = await t.throwsAsync<{ code: string; retriable: boolean } & Error>(handler.initialize())
        t.like(error, { code: 'KER_KAFKA', name: 'KafkaError', retriable: true })
        t.true(Date.now() - began < 5_000, `after ${Date.now() - began} ms`)
        await rejects(t, first, () => handler.pushError(message))
      }
      t.true(silent.accepted > 0)
      const tolerant = made(t, { kafka: { brokers }, connectTimeout: 500 })
      const heard = warnings(tolerant, 'brokerUnavailable')
      await tolerant.initialize()
      await works(t, tolerant)
      t.is(heard.length, 1)
    },
  },
  {
    title: '29, 47, 51: what is called before initialize',
    async run(t) {
      const handler = made(t)
      for (const [, call] of calls) await rejects(t, first, () => call(handler))
      await handler.initialize()
      await works(t, handler)
    },
  },
  {
    title: '52: runRetryTask twice is one timer, and sweeps at once are one after the other',
    async run(t) {
      const brokers = new MockCluster(1)
      t.teardown(() => brokers.close())
      const handler = await ready(t, { scheduleRule: '* * * * * *', kafka: { brokers: brokers.bootstrapServers } })
      const ticks = async () => {
        const { sweeps, sweepsSkipped } = await handler.stats()
        return sweeps + sweepsSkipped
      }
      await handler.runRetryTask()
      await t.notThrowsAsync(handler.runRetryTask())
      const began = Date.now()
      while ((await ticks()) < 4) await new Promise((resolve) => setTimeout(resolve, 50))
      // A second timer would have made them in half the time.
      t.true(Date.now() - began > 2_500, `4 ticks after ${Date.now() - began} ms`)
      await handler.stopRetryTask()
      const before = await ticks()
      const reports = await Promise.all([handler.sweep(), handler.sweep()])
      t.deepEqual(
        reports.map(({ claimed }) => claimed),
        [0, 0],
      )
      t.is(await ticks(), before + 2, 'the second waits and makes its own')
    },
  },
  {
    title: '53: stopRetryTask when nothing runs',
    async run(t) {
      const handler = made(t)
      await handler.stopRetryTask()
      await handler.initialize()
      await handler.stopRetryTask()
      await works(t, handler)
      await handler.close()
      await t.notThrowsAsync(handler.stopRetryTask())
    },
  },
  {
    title: '68: close before initialize, during it, from a listener, and with calls under way',
    async run(t) {
      await made(t).close()
      const starting = made(t)
      const started = starting.initialize().catch((error: unknown) => error)
      await starting.close()
      t.true([undefined, 'KER_CLOSED'].includes(((await started) as { code?: string } | undefined)?.code))
      const handler = await ready(t)
      const closing = new Promise((resolve) => handler.on('stored', () => resolve(handler.close())))
      await handler.pushError(message)
      await closing
      await rejects(t, closed('pushError'), () => handler.pushError(message))
    },
  },
  {
    title: '69: a method without its object',
    async run(t) {
      const handler = await ready(t)
      for (const [object, prefix, least] of [
        [handler, '', 15],
        [handler.entries, 'entries.', 8],
      ] as const) {
        t.true(methodsOf(object).length >= least)
        for (const receiver of [undefined, null, {}, 5, new Proxy(object, {}), Object.create(object)]) {
          for (const name of methodsOf(object)) {
            const call = () => (object as unknown as Record<string, () => Promise<unknown>>)[name]?.call(receiver)
            const refusal = { code: 'KER_STATE', message: `${prefix}${name}: called on a wrong receiver` } as const
            if (synchronous.has(name)) throws(t, refusal, call)
            else await rejects(t, refusal, call as () => Promise<unknown>)
          }
        }
      }
      throws(
        t,
        { code: 'KER_STATE', message: 'entries: called on a wrong receiver' },
        () => Object.create(handler).entries,
      )
      await works(t, handler)
    },
  },
  {
    title: '70: messages of another realm are taken, and another worker has handlers of its own',
    async run(t) {
      const handler = await ready(t)
      const foreign = runInNewContext(
        '({ topic: "orders", dataId: 1, key: new Uint8Array([1]), value: { a: 1 }, timestamp: new Date(5), headers: { a: "b" } })',
      ) as typeof message
      const { id } = await handler.pushError(foreign)
      const stored = (await handler.entries.get(id))?.message
      t.deepEqual(stored?.key, Buffer.from([1]))
      t.is(String(stored?.value), '{"a":1}')
      t.deepEqual(stored?.timestamp, new Date(5))
      t.deepEqual(await handler.pushError(runInNewContext('[]') as never), [])
      // What crosses to another thread is a plain object without methods.
      const program = `
        const { parentPort, workerData: { main, handler } } = require('node:worker_threads')
        const { KafkaErrorHandler } = require(main)
        KafkaErrorHandler.prototype.pushError.call(handler, {}).catch(({ code, message }) =>
          parentPort.postMessage({ code, message }))`
      const worker = new Worker(program, {
        eval: true,
        workerData: { main: path.resolve('index.js'), handler: { ...handler } },
      })
      t.teardown(() => worker.terminate())
      const [answer] = await once(worker, 'message')
      t.deepEqual(answer, { code: 'KER_STATE', message: 'pushError: called on a wrong receiver' })
      await works(t, handler)
    },
  },
  {
    title: '71: no binary for this platform',
    async run(t) {
      const error = loadFailure(new Error('Cannot find module'), { os: 'linux', arch: 'x64', libc: 'musl' })
      t.true(error instanceof LoadError)
      t.is(error.code, 'KER_BINARY')
      t.is(
        error.message,
        'no prebuilt binary for linux-x64-musl (looked for @kafka-error-retry/binding-linux-x64-musl and ' +
          'kafka-error-retry.linux-x64-musl.node). npm leaves optional dependencies out when package-lock.json was ' +
          'written on another platform (npm/cli#4828), and with --omit=optional: remove node_modules and ' +
          'package-lock.json and install again, or run npm install @kafka-error-retry/binding-linux-x64-musl. ' +
          'To load a binary from elsewhere, set NAPI_RS_NATIVE_LIBRARY_PATH to the .node file.',
      )
      // The error classes do not need the binary, and bad options are told first.
      const program = `
        const { KafkaErrorHandler, KafkaRetryError } = require('./index.js')
        const codes = []
        for (const options of [{ db: 'memory:', kafka: { brokers: 'a:9092' } }, {}]) {
          try { KafkaErrorHandler.getInstance(options) } catch (error) { codes.push(KafkaRetryError.is(error) && error.code) }
        }
        console.log(JSON.stringify(codes))`
      const { stdout } = await run(process.execPath, ['-e', program], {
        env: { ...process.env, NODE_OPTIONS: '', NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/at-all.node' },
      })
      t.deepEqual(JSON.parse(stdout), ['KER_BINARY', 'KER_CONFIG'])
    },
  },
]

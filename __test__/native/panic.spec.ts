// Only where the addon was built so that its functions panic on request (`npm run build:test`, as `npm test` does).
import { createRequire } from 'node:module'
import path from 'node:path'

import test from 'ava'

import { KafkaErrorHandler } from '../../index.js'

interface Native {
  panicNext?: (place: 'call' | 'work') => void
  Handler: new (options: string) => Record<string, (...args: unknown[]) => unknown>
  MockCluster: new (brokers: number) => Record<string, (...args: unknown[]) => unknown>
  errorCodes(): string[]
  buildStamp(): string
  checkOptions(options: string): string
}

const native = createRequire(path.resolve('package.json'))('./native.js') as Native
const panicNext = native.panicNext ?? (() => undefined)
const options = JSON.stringify({ db: { type: 'memory' }, kafka: { brokers: ['127.0.0.1:1'] }, connectTimeout: 200 })

const asynchronous: [name: string, ...args: unknown[]][] = [
  ['initialize'],
  ['push', '[]', []],
  ['resolve', '[]', []],
  ['startSweeps'],
  ['stopSweeps'],
  ['sweep'],
  ['adopt', false, true],
  ['stats'],
  ['health'],
  ['get', '1'],
  ['list', '{}', 10, null],
  ['count', '{}'],
  ['operate', 'purge', '{}', null],
  ['plan'],
  ['setPaused', 'orders', false],
  ['close'],
]

if (native.panicNext === undefined) {
  test('left out: the addon was built without the feature testing', (t) => t.pass())
} else {
  test.serial('a panic in any synchronous function is an exception, and the process lives on', async (t) => {
    const handler = new native.Handler(options)
    const cluster = new native.MockCluster(1)
    const calls: [name: string, call: () => unknown][] = [
      ['Handler', () => new native.Handler(options)],
      ['MockCluster', () => new native.MockCluster(1)],
      ['errorCodes', () => native.errorCodes()],
      ['buildStamp', () => native.buildStamp()],
      ['checkOptions', () => native.checkOptions(options)],
      ['hear', () => handler['hear']?.('stored', true)],
      ['drain', () => handler['drain']?.()],
      ['onWake', () => handler['onWake']?.(() => undefined)],
      ['bootstrapServers', () => cluster['bootstrapServers']],
      ['createTopic', () => cluster['createTopic']?.('orders', 1)],
      ['setRoundTrip', () => cluster['setRoundTrip']?.(0)],
      ['down', () => cluster['down']?.()],
      ['up', () => cluster['up']?.()],
      ['cluster.close', () => cluster['close']?.()],
      ...asynchronous.map(([name, ...args]): [string, () => unknown] => [name, () => handler[name]?.(...args)]),
    ]
    for (const [name, call] of calls) {
      panicNext('call')
      t.throws(call, { message: /panic|asked to/i }, name)
    }
    cluster['close']?.()
    t.true(native.errorCodes().includes('KER_INTERNAL'))
  })

  test.serial(
    'a panic in any asynchronous work is a rejection with KER_INTERNAL, and the handler goes on',
    async (t) => {
      const handler = new native.Handler(options)
      for (const [name, ...args] of asynchronous) {
        panicNext('work')
        await t.throwsAsync(async () => handler[name]?.(...args), { code: 'KER_INTERNAL' }, name)
      }
      await handler['initialize']?.()
      t.is(await handler['count']?.('{}'), 0)
      await handler['close']?.()
    },
  )

  test.serial('users see InternalError with a JavaScript stack', async (t) => {
    const handler = new KafkaErrorHandler({
      db: 'memory:',
      kafka: { brokers: '127.0.0.1:1' },
      connectTimeout: 200,
      logger: false,
    })
    await handler.initialize()
    for (const place of ['call', 'work'] as const) {
      panicNext(place)
      const error = await t.throwsAsync(handler.entries.count(), { name: 'InternalError', code: 'KER_INTERNAL' }, place)
      t.regex(error.stack ?? '', /Entries\.count/)
    }
    t.is(await handler.entries.count(), 0)
    await handler.close()
  })
}

// Whatever is given to whatever method: a documented error or success, in time, with the input as it was. A failure
// prints the seed and the path with which fast-check makes the same input again.
import { inspect } from 'node:util'

import test from 'ava'
import fc from 'fast-check'

import { ConfigError, KafkaErrorHandler, KafkaRetryError } from '../index.js'
import { made, strange } from './bad-input/strange.js'

const limit = 15_000
const documented = new Set(['KER_ARGUMENT', 'KER_TOO_LARGE', 'KER_STATE'])

const handler = new KafkaErrorHandler({
  db: 'memory:',
  kafka: { brokers: '127.0.0.1:1' },
  connectTimeout: 100,
  maxPayloadBytes: 1_000_000,
  logger: false,
})
test.before(() => handler.initialize())
test.after.always(() => handler.close())

/** All that can be seen without calling a getter. */
function shown(input: unknown): string {
  try {
    return inspect(input, { depth: 4, showHidden: true, maxStringLength: 200, maxArrayLength: 20 })
  } catch {
    return 'what cannot even be shown'
  }
}

/** Mostly as documented, with one strange member or more. */
function mostly<T extends object>(members: { [Key in keyof T]: fc.Arbitrary<unknown> }): fc.Arbitrary<unknown> {
  const mixed = Object.fromEntries(
    Object.entries<fc.Arbitrary<unknown>>(members).map(([key, usual]) => [
      key,
      fc.oneof({ arbitrary: usual, weight: 4 }, { arbitrary: strange, weight: 1 }),
    ]),
  )
  return fc.oneof({ arbitrary: fc.record(mixed, { requiredKeys: [] }), weight: 6 }, { arbitrary: strange, weight: 1 })
}

const bytes = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array())
const headers = fc.oneof(
  fc.dictionary(fc.string(), fc.oneof(bytes, fc.constant(null), fc.array(bytes))),
  fc.array(fc.tuple(fc.string(), bytes)),
)
const policy = mostly({
  retryCount: fc.nat(),
  backoff: fc.boolean(),
  maxDelay: fc.constantFrom(1, '5m'),
  jitter: fc.boolean(),
  counting: fc.constantFrom('redeliveries', '2.x'),
})
const message = mostly({
  topic: fc.constantFrom('orders', 'a.b'),
  dataId: fc.oneof(fc.string(), fc.maxSafeInteger(), fc.bigInt()),
  key: bytes,
  value: fc.oneof(bytes, fc.object(), fc.constant(null)),
  headers,
  partition: fc.nat(),
  offset: fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.nat().map(String)),
  timestamp: fc.oneof(fc.date(), fc.nat()),
  groupId: fc.string(),
  policy,
  error: strange,
  failureId: fc.constant('ab'.repeat(16)),
})
const messages = fc.oneof(message, fc.array(message, { maxLength: 4 }))
const filter = mostly({
  ids: fc.array(fc.nat().map(String)),
  topic: fc.constant('orders'),
  groupId: fc.string(),
  dataId: fc.string(),
  state: fc.constantFrom('scheduled', 'dead'),
  reason: fc.constantFrom('failed', 'crash'),
  failedBefore: fc.oneof(fc.date(), fc.nat()),
})
const page = mostly({
  limit: fc.integer({ min: 1, max: 1_000 }),
  cursor: fc.constant(null),
  topic: fc.constant('orders'),
})
const target = fc.oneof(filter, fc.nat().map(String), fc.array(fc.nat().map(String)))
const event = fc.constantFrom('stored', 'error', 'warning', 'dead')
const name = fc.oneof(event, strange)
const listener = fc.oneof(fc.func(fc.anything()), strange)

/** Every method, and what each of its parameters may be. */
const methods: Record<string, readonly fc.Arbitrary<unknown>[]> = {
  pushError: [messages],
  notifySuccess: [messages],
  pause: [strange],
  resume: [strange],
  on: [name, listener],
  once: [name, listener],
  off: [name, listener],
  'entries.list': [page],
  'entries.get': [fc.oneof(fc.nat().map(String), strange)],
  'entries.count': [filter],
  'entries.requeue': [target, mostly({ redelivery: fc.constantFrom('original', 'retryTopic') })],
  'entries.retryNow': [target],
  'entries.hold': [target],
  'entries.discard': [target],
  'entries.purge': [target],
  initialize: [strange],
  stats: [strange],
  stopRetryTask: [strange],
}

for (const [path, parameters] of Object.entries(methods)) {
  test.serial(`${path} takes or refuses whatever it is given, and leaves it as it was`, async (t) => {
    const [owner, method] = path.startsWith('entries.') ? [handler.entries, path.slice(8)] : [handler, path]
    const call = (owner as unknown as Record<string, (...given: unknown[]) => unknown>)[method]?.bind(owner)
    const property = fc.asyncProperty(fc.tuple(...parameters), async (recipe) => {
      const given = made(recipe) as unknown[]
      const before = shown(given)
      try {
        await call?.(...given)
      } catch (error) {
        if (!(error instanceof KafkaRetryError) || !documented.has(error.code)) throw error
      }
      if (shown(given) !== before) throw new Error('the input was changed')
    })
    await fc.assert(property, {
      numRuns: path === 'pushError' ? 500 : 150,
      timeout: limit,
      includeErrorInReport: true,
    })
    t.pass()
  })
}

const options = mostly({
  db: fc.oneof(
    fc.constantFrom('memory:', 'sqlite:x.db', 'mysql://u:p@h/d'),
    mostly({
      type: fc.constantFrom('mysql', 'memory', 'sqlite', 'postgres'),
      host: fc.string(),
      port: fc.nat(),
      username: fc.string(),
      password: fc.string(),
      database: fc.constant('x'),
      tablePrefix: fc.constant('x_'),
      poolSize: fc.constantFrom(1, 10),
      tls: fc.oneof(fc.boolean(), mostly({ ca: fc.string(), cert: fc.string(), key: fc.string() })),
      logging: fc.boolean(),
      url: fc.constant('memory:'),
    }),
  ),
  kafka: mostly({
    brokers: fc.constantFrom('a:1', ['a:1', 'b:2']),
    clientId: fc.string(),
    ssl: fc.oneof(fc.boolean(), mostly({ ca: fc.string(), passphrase: fc.string() })),
    sasl: mostly({ mechanism: fc.constant('plain'), username: fc.string(), password: fc.string() }),
    topics: fc.array(fc.constantFrom('orders', 'a.b')),
    partitions: fc.nat(),
    replicas: fc.nat(),
    topicConfig: fc.dictionary(fc.string(), fc.string()),
    librdkafka: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('linger.ms', 'acks')), fc.string()),
  }),
  policy,
  namespace: fc.string(),
  groupId: fc.string(),
  scheduleRule: fc.oneof(fc.constant('* * * * *'), fc.string()),
  scheduleTimezone: fc.string(),
  redelivery: fc.constantFrom('original', 'retryTopic'),
  leaseTimeout: fc.oneof(fc.nat(), fc.constant('1h')),
  maxPending: fc.nat(),
  maxPayloadBytes: fc.nat(),
  retention: mostly({ dead: fc.constant('1d') }),
  logLevel: fc.constantFrom('debug', 'error'),
  logger: fc.constantFrom(false, console),
  shutdownSignals: fc.boolean(),
})

test.serial('new takes or refuses whatever options it is given, and leaves them as they were', async (t) => {
  const property = fc.asyncProperty(options, async (recipe) => {
    const given = made(recipe)
    const before = shown(given)
    try {
      await new KafkaErrorHandler(given as never).close()
    } catch (error) {
      if (!(error instanceof ConfigError) || error.code !== 'KER_CONFIG') throw error
    }
    if (shown(given) !== before) throw new Error('the options were changed')
  })
  await fc.assert(property, { numRuns: 500, timeout: limit, includeErrorInReport: true })
  t.pass()
})

test.serial('what is stored are the bytes at the time of the call, whatever becomes of the buffers', async (t) => {
  const view = fc.uint8Array({ minLength: 1, maxLength: 10_000 })
  const property = fc.asyncProperty(view, view, view, fc.boolean(), async (value, key, header, isList) => {
    const [v, k, h] = [Buffer.from(value), Buffer.from(key), Buffer.from(header)]
    const message = { topic: 'bytes', dataId: 'x', value, key, headers: { h: header } }
    const pushed = isList ? handler.pushError([message]) : handler.pushError(message)
    for (const bytes of [value, key, header]) bytes.fill((bytes[0] ?? 0) ^ 0xff)
    await pushed
    const { entries } = await handler.entries.list({ topic: 'bytes' })
    const stored = entries[0]?.message
    const found = [stored?.value, stored?.key, stored?.headers[0]?.value]
    return [v, k, h].every((bytes, index) => bytes.equals(found[index] ?? Buffer.alloc(0)))
  })
  await fc.assert(property, { numRuns: 100, timeout: limit, includeErrorInReport: true })
  t.pass()
})

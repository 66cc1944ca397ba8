import test from 'ava'

import { KafkaErrorHandler, KafkaRetryError } from '../index.js'
import type { HandlerOptions } from '../index.js'

// Nothing listens there: the store works all the same.
const options: HandlerOptions = { db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, logger: false }
const message = { topic: 'orders', dataId: 1, value: 'v' }

async function ready(further: Partial<HandlerOptions> = {}): Promise<KafkaErrorHandler> {
  const handler = new KafkaErrorHandler({ ...options, ...further })
  await handler.initialize()
  return handler
}

const calls: [method: string, call: (handler: KafkaErrorHandler) => Promise<unknown>][] = [
  ['pushError', (handler) => handler.pushError(message)],
  ['pushError', (handler) => handler.pushError([message])],
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
  ['entries.purge', (handler) => handler.entries.purge({ all: true })],
]

test('1: new refuses options under its own name', (t) => {
  t.throws(() => new KafkaErrorHandler(null as never), {
    code: 'KER_CONFIG',
    message: 'new KafkaErrorHandler: options must be an object, received null',
  })
})

test.serial('1: getInstance without options and without an instance is refused', (t) => {
  t.throws(() => KafkaErrorHandler.getInstance(), {
    code: 'KER_CONFIG',
    message: 'getInstance: options must be an object, received undefined',
  })
})

test.serial(
  '3: equal options or none give the same object, others are refused by path, close makes room',
  async (t) => {
    const policy = { retryCount: 3 }
    const first = KafkaErrorHandler.getInstance({ ...options, policy, logger: () => 1 })
    t.is(KafkaErrorHandler.getInstance(), first)
    t.is(
      KafkaErrorHandler.getInstance({ logger: () => 2, policy, ...options, kafka: { brokers: ['127.0.0.1:1'] } }),
      first,
    )
    t.throws(() => KafkaErrorHandler.getInstance({ ...options, policy: { retryCount: 4 } }), {
      code: 'KER_STATE',
      message: 'getInstance: already created with different options (policy.retryCount)',
    })
    t.throws(() => KafkaErrorHandler.getInstance(null as never), { code: 'KER_CONFIG' })
    await first.close()
    const second = KafkaErrorHandler.getInstance({ ...options, policy: { retryCount: 4 } })
    t.not(second, first)
    await second.close()
  },
)

test('a further handler leaves the one of getInstance alone', async (t) => {
  const further = new KafkaErrorHandler(options)
  await further.close()
  t.throws(() => KafkaErrorHandler.getInstance(), { code: 'KER_CONFIG' })
})

test('29, 47, 51: what needs the store says to initialize first, in the words of 2.x', async (t) => {
  const handler = new KafkaErrorHandler(options)
  for (const [, call] of calls) {
    await t.throwsAsync(call(handler), { code: 'KER_STATE', message: 'call initialize function first' })
  }
  await handler.close()
})

test('21, 46, 51: what needs the store is closed during and after close', async (t) => {
  const handler = await ready()
  const closing = handler.close()
  for (const [method, call] of calls) {
    const error = await t.throwsAsync<KafkaRetryError>(call(handler), { code: 'KER_CLOSED' })
    t.is(error?.message, `${method}: the handler is closed`)
    t.is(error?.outcome, 'not_done')
  }
  await closing
  await t.throwsAsync(handler.initialize(), { code: 'KER_CLOSED' })
})

test('20, 68: initialize and close are shared by all who ask', async (t) => {
  const handler = new KafkaErrorHandler(options)
  t.is(handler.initialize(), handler.initialize())
  await handler.initialize()
  t.is(handler.close(), handler.close())
  await handler.close()
})

test('68: close works before initialize, during it, and from a listener', async (t) => {
  await new KafkaErrorHandler(options).close()
  const starting = new KafkaErrorHandler(options)
  const started = starting.initialize().catch((error: unknown) => error)
  await starting.close()
  await started
  const handler = await ready()
  const closed = new Promise((resolve) => handler.on('stored', () => resolve(handler.close())))
  await handler.pushError(message)
  await closed
  t.pass()
})

test('53: stopRetryTask resolves when nothing runs', async (t) => {
  const handler = new KafkaErrorHandler(options)
  await handler.stopRetryTask()
  await handler.initialize()
  await handler.stopRetryTask()
  await handler.close()
  await t.notThrowsAsync(handler.stopRetryTask())
})

test('52: runRetryTask resolves when it runs already', async (t) => {
  const handler = await ready()
  await handler.runRetryTask()
  await t.notThrowsAsync(handler.runRetryTask())
  await handler.close()
})

test('69: a detached method rejects or throws KER_STATE', async (t) => {
  const handler = new KafkaErrorHandler(options)
  const methods = Object.getOwnPropertyNames(KafkaErrorHandler.prototype).filter((name) => {
    const { value } = Object.getOwnPropertyDescriptor(KafkaErrorHandler.prototype, name) ?? {}
    return name !== 'constructor' && typeof value === 'function'
  })
  t.true(methods.length >= 15)
  for (const receiver of [undefined, null, {}, new Proxy(handler, {}), 5]) {
    for (const name of methods) {
      const method = handler[name as 'close']
      const called = async () => method.call(receiver as never)
      await t.throwsAsync(called, { code: 'KER_STATE', message: `${name}: called on a wrong receiver` })
    }
    const { list } = handler.entries
    await t.throwsAsync(list.call(receiver as never), {
      code: 'KER_STATE',
      message: 'entries.list: called on a wrong receiver',
    })
  }
  await handler.close()
})

test('a failure is stored, counted and forgotten on success', async (t) => {
  const handler = await ready()
  const first = await handler.pushError({ ...message, error: new TypeError('boom'), headers: { trace: 'x' } })
  t.is(first.retryCount, 1)
  t.true(first.dueAt instanceof Date && first.dueAt.getTime() > 0)
  t.regex(first.id, /^\d+$/)
  t.regex(first.failureId, /^[0-9a-f]{32}$/)
  t.is((await handler.pushError({ ...message, value: { a: 1 } })).retryCount, 2)
  const entry = await handler.entries.get(first.id)
  t.like(entry, { topic: 'orders', dataId: '1', retryCount: 2, state: 'scheduled' })
  t.is(String(entry?.message.value), '{"a":1}')
  t.true(entry?.firstFailedAt instanceof Date)
  t.deepEqual(await handler.notifySuccess({ topic: 'orders', dataId: '1' }), { deleted: 1 })
  t.deepEqual(await handler.notifySuccess({ topic: 'orders', dataId: 1n }), { deleted: 0 })
  t.is(await handler.entries.get(first.id), null)
  await handler.close()
})

test('a failure that repeats its failureId counts once', async (t) => {
  const handler = await ready()
  const { failureId } = await handler.pushError(message)
  t.is((await handler.pushError({ ...message, failureId })).retryCount, 1)
  await handler.close()
})

test('an array has one answer each, in order, and one wrong message stores nothing', async (t) => {
  const handler = await ready()
  const messages = ['a', 'b', 'a'].map((dataId) => ({ ...message, dataId }))
  const answers = await handler.pushError(messages)
  t.deepEqual(
    answers.map((answer) => ('error' in answer ? answer.error.code : answer.retryCount)),
    [1, 1, 2],
  )
  t.deepEqual(await handler.pushError([]), [])
  await t.throwsAsync(
    handler.pushError([
      { ...message, dataId: 'c' },
      { ...message, topic: '' },
    ]),
    {
      code: 'KER_ARGUMENT',
      message: /^pushError: messages\[1\]\.topic must be/,
    },
  )
  t.is(await handler.entries.count({ topic: 'orders' }), 2)
  t.deepEqual(await handler.notifySuccess(messages), [{ deleted: 1 }, { deleted: 1 }, { deleted: 0 }])
  await handler.close()
})

test('calls of one turn keep their order', async (t) => {
  const handler = await ready()
  const [, gone, again] = await Promise.all([
    handler.pushError(message),
    handler.notifySuccess(message),
    handler.pushError(message),
  ])
  t.deepEqual(gone, { deleted: 1 })
  t.is(again.retryCount, 1)
  await handler.close()
})

test('what was pushed in the turn of close is stored', async (t) => {
  const handler = await ready()
  const pushed = handler.pushError(message)
  await handler.close()
  t.is((await pushed).retryCount, 1)
})

test('a wrong argument rejects and does not throw', async (t) => {
  const handler = await ready()
  const promise = handler.pushError(undefined as never)
  await t.throwsAsync(promise, {
    code: 'KER_ARGUMENT',
    message: 'pushError: message must be an object; received undefined',
  })
  await t.throwsAsync(handler.pause('a b'), { code: 'KER_ARGUMENT' })
  await handler.close()
})

test('65: a page has 1–1000 entries and a cursor of ours', async (t) => {
  const handler = await ready()
  for (const limit of [0, -1, 1e6, 1.5, '5']) {
    await t.throwsAsync(handler.entries.list({ limit } as never), {
      code: 'KER_ARGUMENT',
      message: /^entries\.list: filter\.limit must be an integer 1–1000/,
    })
  }
  await t.throwsAsync(handler.entries.list({ cursor: 5 as never }), { code: 'KER_ARGUMENT' })
  await t.throwsAsync(handler.entries.list({ cursor: 'tampered' }), { code: 'KER_ARGUMENT' })
  await handler.pushError(Array.from({ length: 3 }, (_, dataId) => ({ ...message, dataId })))
  const first = await handler.entries.list({ limit: 2 })
  t.is(first.entries.length, 2)
  const second = await handler.entries.list({ limit: 2, cursor: first.cursor })
  t.is(second.entries.length, 1)
  t.is(second.cursor, null)
  await handler.close()
})

test('66: an unknown id is requeued 0 times and is no entry', async (t) => {
  const handler = await ready()
  t.deepEqual(await handler.entries.requeue('999999'), { requeued: 0 })
  t.deepEqual(await handler.entries.requeue([]), { requeued: 0 })
  t.is(await handler.entries.get('999999'), null)
  await t.throwsAsync(handler.entries.get('x'), { code: 'KER_ARGUMENT' })
  const { id } = await handler.pushError(message)
  await t.throwsAsync(handler.entries.requeue(id), { code: 'KER_STATE' })
  await handler.close()
})

test('67: without a condition nothing is deleted, and a misspelled one is refused', async (t) => {
  const handler = await ready()
  for (const filter of [undefined, {}, { topic: undefined }, { all: false }]) {
    await t.throwsAsync(handler.entries.purge(filter as never), {
      code: 'KER_ARGUMENT',
      message: 'entries.purge: refuses to delete everything; pass { all: true }',
    })
  }
  await t.throwsAsync(handler.entries.purge({ topik: 'orders' } as never), {
    code: 'KER_ARGUMENT',
    message: 'entries.purge: filter.topik is unknown. Did you mean filter.topic?',
  })
  t.deepEqual(await handler.entries.purge({ all: true }), { purged: 0 })
  await handler.close()
})

test('names that db ignores are told by one warning event', async (t) => {
  const handler = new KafkaErrorHandler({ ...options, db: { type: 'memory', entities: [], cli: 1 } as never })
  const warnings: string[] = []
  handler.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`))
  await handler.close()
  t.deepEqual(warnings, [
    'unknownOption: options.db.entities is unknown and ignored; options.db.cli is unknown and ignored',
  ])
})

test('a stored failure is an event with the instant it is due', async (t) => {
  const handler = await ready()
  const heard = new Promise<{ id: string; dueAt: Date }>((resolve) => handler.once('stored', resolve))
  const { id, dueAt } = await handler.pushError(message)
  const event = await heard
  t.is(event.id, id)
  t.deepEqual(event.dueAt, dueAt)
  await handler.close()
})

test('health is down before initialize and after close', async (t) => {
  const handler = new KafkaErrorHandler(options)
  t.like(await handler.health(), { status: 'down', checks: { database: { reason: 'not initialized' } } })
  await handler.initialize()
  t.is((await handler.health()).checks.database.status, 'ok')
  await handler.close()
  t.like(await handler.health(), { status: 'down', checks: { kafka: { reason: 'closed' } } })
})

test('stats count entries, and metrics are their Prometheus text', async (t) => {
  const handler = await ready()
  await handler.pushError(message)
  const stats = await handler.stats()
  t.is(stats.counters.stored, 1)
  t.regex(await handler.metrics(), /^kafka_retry_entries_stored_total 1$/m)
  await handler.close()
})

test('a handler is disposed of by closing it', async (t) => {
  const handler = await ready()
  await handler[Symbol.asyncDispose]()
  await t.throwsAsync(handler.pushError(message), { code: 'KER_CLOSED' })
})

test('the input is left as it is', async (t) => {
  const given = Object.freeze({ ...options, kafka: Object.freeze({ brokers: Object.freeze(['127.0.0.1:1']) }) })
  await new KafkaErrorHandler(given).close()
  t.pass()
})

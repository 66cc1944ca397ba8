import test from 'ava'

import { KafkaErrorHandler } from '../index.js'
import type { HandlerOptions } from '../index.js'

// Nothing listens there: the store works all the same.
const options: HandlerOptions = { db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, logger: false }
const message = { topic: 'orders', dataId: 1, value: 'v' }

async function ready(further: Partial<HandlerOptions> = {}): Promise<KafkaErrorHandler> {
  const handler = new KafkaErrorHandler({ ...options, ...further })
  await handler.initialize()
  return handler
}

test('a further handler leaves the one of getInstance alone', async (t) => {
  const further = new KafkaErrorHandler(options)
  await further.close()
  t.throws(() => KafkaErrorHandler.getInstance(), { code: 'KER_CONFIG' })
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

// Rows about what is taken, and what is refused only after a look: at its size, at what waits, at what is stored.
import { KafkaErrorHandler } from '../../index.js'
import { event } from '../suites/bench.js'
import { message, options, ready, warnings, type Story } from './made.js'
import { rejects, works } from './refusal.js'

/** The headers of a copy of an entry, as far as a success needs them. */
const copyHeaders = (life: string, generation: string) => ({
  'x-ker-entry': life,
  'x-ker-generation': generation,
  'x-ker-attempt': '2',
  'x-ker-sum': '1',
})

export const takenStories: readonly Story[] = [
  {
    title: '33: the number 1, the bigint 1 and the text 1 are one id, 01 is another',
    async run(t) {
      const handler = await ready(t)
      for (const [index, dataId] of [1, 1n, '1'].entries()) {
        t.is((await handler.pushError({ ...message, dataId })).retryCount, index + 1)
      }
      t.is((await handler.pushError({ ...message, dataId: '01' })).retryCount, 1)
      t.deepEqual(await handler.notifySuccess({ topic: 'orders', dataId: 1n }), { deleted: 1 })
      t.deepEqual(await handler.notifySuccess({ topic: 'orders', dataId: '1' }), { deleted: 0 })
      t.is(await handler.entries.count(), 1)
    },
  },
  {
    title: '36, 37: a missing key is null, an empty one is empty; a null value is a tombstone',
    async run(t) {
      const handler = await ready(t)
      const stored = async (further: object) => {
        const { id } = await handler.pushError({ ...message, ...further })
        return (await handler.entries.get(id))?.message
      }
      t.is((await stored({ key: undefined }))?.key, null)
      t.is((await stored({ key: null }))?.key, null)
      t.deepEqual((await stored({ key: '' }))?.key, Buffer.alloc(0))
      t.is((await stored({ value: null }))?.value, null)
      t.deepEqual((await stored({ value: '' }))?.value, Buffer.alloc(0))
    },
  },
  {
    title: '40: a message over maxPayloadBytes, all of it counted',
    async run(t) {
      const handler = await ready(t, { maxPayloadBytes: 100 })
      const tooLarge = {
        code: 'KER_TOO_LARGE',
        message: 'pushError: the message has 101 bytes, more than the limit of 100',
      } as const
      for (const further of [
        { key: null, value: 'v'.repeat(101) },
        { key: 'k', value: 'v'.repeat(100) },
        { key: 'k', value: null, headers: { name: 'v'.repeat(96) } },
      ]) {
        const error = await rejects(t, tooLarge, () => handler.pushError({ ...message, ...further }))
        t.like(error.details, { size: 101, limit: 100 })
        t.false(error.retriable)
      }
      const answers = await handler.pushError([{ ...message, key: null, value: 'v'.repeat(101) }, message])
      t.deepEqual(
        answers.map((answer) => ('error' in answer ? answer.error.code : answer.retryCount)),
        ['KER_TOO_LARGE', 1],
      )
      await works(t, handler)
    },
  },
  {
    title: '41: headers of ours that are not the record’s own mean nothing, with a warning',
    async run(t) {
      const handler = await ready(t)
      const heard = warnings(handler, 'headersInvalid')
      const { id } = await handler.pushError(message)
      const { life } = (await handler.entries.get(id)) ?? {}
      const warned = event(handler, 'warning', ({ code }) => code === 'headersInvalid')
      const again = { ...message, headers: copyHeaders(life ?? '', '0') }
      t.is((await handler.pushError(again)).retryCount, 2, 'it counts as without them')
      await warned
      t.is(heard.length, 1)
      const names = (await handler.entries.get(id))?.message.headers.map(({ name }) => name)
      t.deepEqual(names, Object.keys(copyHeaders('', '')), 'and they are stored as they are')
    },
  },
  {
    title: '44: a hundred thousand calls at once: beyond maxPending they are refused, the others are done',
    async run(t) {
      t.timeout(300_000)
      const handler = await ready(t, { maxPending: 10_000, pushTimeout: '5m' })
      const results = await Promise.allSettled(
        Array.from({ length: 100_000 }, (_, dataId) => handler.pushError({ ...message, dataId })),
      )
      const refused = results.flatMap((one) =>
        one.status === 'rejected' ? [one.reason as { code: string; outcome: string }] : [],
      )
      t.true(refused.length > 0 && refused.length <= 90_000, `${refused.length} were refused`)
      t.true(refused.every(({ code, outcome }) => code === 'KER_BUSY' && outcome === 'not_done'))
      t.is(await handler.entries.count(), 100_000 - refused.length)
      await works(t, handler)
    },
  },
  {
    title: '48: a success of an unknown id, and a repeated one',
    async run(t) {
      const handler = await ready(t)
      t.deepEqual(await handler.notifySuccess(message), { deleted: 0 })
      await handler.pushError(message)
      t.deepEqual(await handler.notifySuccess(message), { deleted: 1 })
      t.deepEqual(await handler.notifySuccess(message), { deleted: 0 })
    },
  },
  {
    title: '49: a success of an older generation or a former life deletes nothing',
    async run(t) {
      const handler = await ready(t)
      const { id } = await handler.pushError(message)
      const { life } = (await handler.entries.get(id)) ?? {}
      await handler.pushError(message)
      for (const [former, generation] of [
        [life, '0'],
        ['0'.repeat(31) + '1', '1'],
      ] as const) {
        const success = { ...message, headers: copyHeaders(former ?? '', generation) }
        t.deepEqual(await handler.notifySuccess(success), { deleted: 0, reason: 'newer-failure' }, generation)
      }
      t.is(await handler.entries.count(), 1)
    },
  },
  {
    title: '50: a generation that is none is as no headers, with a warning',
    async run(t) {
      const handler = await ready(t)
      const heard = warnings(handler, 'headersInvalid')
      for (const generation of ['x', '-1', (2n ** 64n).toString()]) {
        const { id } = await handler.pushError(message)
        const { life } = (await handler.entries.get(id)) ?? {}
        const warned = event(handler, 'warning', ({ code }) => code === 'headersInvalid')
        const success = { ...message, headers: copyHeaders(life ?? '', generation) }
        t.deepEqual(await handler.notifySuccess(success), { deleted: 1 })
        await warned
      }
      t.is(heard.length, 3)
    },
  },
  {
    title: '65–67: pages, unknown ids, entries that are not dead, and all of them',
    async run(t) {
      const handler = await ready(t)
      await handler.pushError(Array.from({ length: 3 }, (_, dataId) => ({ ...message, dataId })))
      const { entries, cursor } = await handler.entries.list({ limit: 2 })
      t.is(entries.length, 2)
      t.like(await handler.entries.list({ limit: 1_000, cursor }), { entries: { length: 1 }, cursor: null })
      t.is(await handler.entries.get('999999'), null)
      for (const target of ['999999', '9'.repeat(19), ['999998', '999999'], []]) {
        t.deepEqual(await handler.entries.requeue(target), { requeued: 0 })
      }
      const id = entries[0]?.id ?? ''
      const text = `entry ${id} is scheduled, which this cannot change; it is for dead and held entries`
      await rejects(t, { code: 'KER_STATE', message: text }, () => handler.entries.requeue(id))
      t.deepEqual(await handler.entries.purge({ all: true }), { purged: 0 }, 'only dead ones are purged')
      t.deepEqual(await handler.entries.discard({ all: true }), { discarded: 3 })
      await works(t, handler)
    },
  },
  {
    title: 'accepted on purpose: ports and brokers in the forms of 2.x are the same options',
    async run(t) {
      const one = KafkaErrorHandler.getInstance({
        ...options,
        db: { type: 'mysql', port: '3306' },
        kafka: { brokers: ' a:9092 ,b:9092' },
      })
      t.teardown(() => one.close())
      const same = { db: { type: 'mysql', port: 3306 }, kafka: { brokers: ['a:9092', 'b:9092'] } } as const
      t.is(KafkaErrorHandler.getInstance({ ...options, ...same }), one)
    },
  },
  {
    title: 'accepted on purpose: no policy, no dataId, a plain object as value',
    async run(t) {
      const handler = await ready(t)
      const { id } = await handler.pushError({
        topic: 'orders',
        value: { a: [1, null] },
        partition: 3,
        offset: '0042',
        headers: {},
      })
      const entry = await handler.entries.get(id)
      t.is(entry?.dataId, '3:42')
      t.like(entry?.policy, { retryCount: 10, backoff: true })
      t.is(String(entry?.message.value), '{"a":[1,null]}')
    },
  },
]

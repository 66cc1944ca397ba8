import test from 'ava'
import fc from 'fast-check'
import { runInNewContext } from 'node:vm'

import { readAll, readFailure, readSuccess } from '../dist/arguments.js'
import { ArgumentError } from '../dist/errors.js'
import { Place } from '../dist/place.js'

const good = { topic: 'orders', dataId: '1', value: 'v' }
const fail = (message: unknown) => readFailure('', 'copied')(message, new Place('pushError', 'message'))
const succeed = (message: unknown) => readSuccess('', 'copied')(message, new Place('notifySuccess', 'message'))

const topic = "pushError: message.topic must be 1–249 characters of [A-Za-z0-9._-] and not '.' or '..'"
const dataId = 'pushError: message.dataId must be a non-empty string up to 255 bytes, an integer or a bigint'
const unsafe = 'pushError: message.dataId integers must be safe; use bigint or string'
const unicode = 'pushError: message.dataId must be valid Unicode without NUL'
const key = 'pushError: message.key must be a string, Buffer, Uint8Array or null'
const value =
  'pushError: message.value must be a string, Buffer, Uint8Array, null, or a plain object or array (stored as JSON)'
const unowned = 'pushError: message.value must not lie on a detached ArrayBuffer or a SharedArrayBuffer'

const cycle: Record<string, unknown> = {}
cycle['self'] = cycle
const detached = new Uint8Array(8)
structuredClone(detached.buffer, { transfer: [detached.buffer] })
const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`h${index}`, 'v']))
const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()

const rows: [row: string, message: unknown, text: string][] = [
  ['30: undefined', undefined, 'pushError: message must be an object'],
  ['30: null', null, 'pushError: message must be an object'],
  ['30: number', 5, 'pushError: message must be an object'],
  ['30: revoked proxy', revoked, 'pushError: message.topic could not be read'],
  ...([undefined, '', '.', '..', 'a'.repeat(250), 'a b', 'ä', 5, 'a\n'] as const).map(
    (given) => [`31: topic ${JSON.stringify(given)}`, { ...good, topic: given }, topic] as [string, unknown, string],
  ),
  ['32: missing', { topic: 'orders', value: 'v' }, dataId],
  ['32: missing beside coordinates without headers', { topic: 'o', value: 'v', partition: 0, offset: '1' }, dataId],
  ['32: empty', { ...good, dataId: '' }, dataId],
  ['32: NaN', { ...good, dataId: Number.NaN }, dataId],
  ['32: object', { ...good, dataId: {} }, dataId],
  ['32: boolean', { ...good, dataId: true }, dataId],
  ['32: 256 bytes', { ...good, dataId: 'é'.repeat(128) }, dataId],
  ['34: 2⁵³', { ...good, dataId: 2 ** 53 }, unsafe],
  ['34: 1.5', { ...good, dataId: 1.5 }, unsafe],
  ['35: NUL', { ...good, dataId: 'a\0b' }, unicode],
  ['35: lone surrogate', { ...good, dataId: 'a\uD800' }, unicode],
  ['36: number', { ...good, key: 5 }, key],
  ['36: object', { ...good, key: {} }, key],
  ['37: undefined', { ...good, value: undefined }, `${value}; use null for a tombstone; received undefined`],
  ...([5, true, 1n, Symbol('s'), () => 0, new Map(), new Date(), new (class {})()] as const).map(
    (given, index) =>
      [`38: kind ${index} ${typeof given}`, { ...good, value: given }, value] as [string, unknown, string],
  ),
  ['38: cycle', { ...good, value: cycle }, value],
  ['38: bigint inside', { ...good, value: { a: 1n } }, value],
  ['38: nothing left of it', { ...good, value: { toJSON: () => undefined } }, value],
  ['39: detached', { ...good, value: detached }, unowned],
  ['39: shared', { ...good, value: new Uint8Array(new SharedArrayBuffer(8)) }, unowned],
  ['41: Map', { ...good, headers: new Map([['a', 'b']]) }, 'pushError: message.headers must be an object of names'],
  ['41: nested', { ...good, headers: { a: { b: 'c' } } }, 'pushError: message.headers[0].value must be'],
  ['41: number', { ...good, headers: { a: '', b: '', c: '', d: 5 } }, 'pushError: message.headers[3].value must be'],
  ['41: pair with a number', { ...good, headers: [['a', 5]] }, 'pushError: message.headers[0].value must be'],
  ['41: 200', { ...good, headers: many }, 'pushError: message.headers must be at most 128'],
  ['41: name with NUL', { ...good, headers: [['a\0', 'b']] }, 'pushError: message.headers[0].name must be'],
  ...([-1, 1.5, 2 ** 31, '0'] as const).map(
    (given) =>
      [`42: partition ${given}`, { ...good, partition: given }, 'pushError: message.partition must be an integer'] as [
        string,
        unknown,
        string,
      ],
  ),
  ...([-1, 'abc', '9223372036854775808', 1.5, ''] as const).map(
    (given) =>
      [`42: offset ${given}`, { ...good, offset: given }, 'pushError: message.offset must be an integer'] as [
        string,
        unknown,
        string,
      ],
  ),
  ...([new Date(Number.NaN), -1, 1e17, 'soon'] as const).map(
    (given, index) =>
      [`43: timestamp ${index}`, { ...good, timestamp: given }, 'pushError: message.timestamp must be a valid'] as [
        string,
        unknown,
        string,
      ],
  ),
  [
    'a wrong policy',
    { ...good, policy: { retryCount: -1 } },
    'pushError: message.policy.retryCount must be an integer 0–2147483647; received number',
  ],
  ['a wrong failureId', { ...good, failureId: 'xyz' }, 'pushError: message.failureId must be 32 hexadecimal digits'],
  ['a group over 255 bytes', { ...good, groupId: 'g'.repeat(256) }, 'pushError: message.groupId must be'],
]

for (const [row, message, text] of rows) {
  test(`row ${row}`, (t) => {
    const error = t.throws(() => fail(message), { instanceOf: ArgumentError, code: 'KER_ARGUMENT' })
    t.true(error?.message.startsWith(text), error?.message)
  })
}

test('row 30: one wrong message of an array is named by its index', (t) => {
  t.throws(() => readAll([good, good, null], 'pushError', readFailure('', 'borrowed')), {
    message: 'pushError: messages[2] must be an object; received null',
  })
})

test('row 33: 1, 1n and "1" are one id, "01" is another', (t) => {
  for (const id of [1, 1n, '1']) t.is(fail({ ...good, dataId: id }).dataId, '1')
  t.is(fail({ ...good, dataId: '01' }).dataId, '01')
})

test('row 36: an absent and a null key are null, an empty one is empty', (t) => {
  t.is(fail(good).message.key, null)
  t.is(fail({ ...good, key: null }).message.key, null)
  t.deepEqual(fail({ ...good, key: '' }).message.key, Buffer.alloc(0))
})

test('row 37: a null value is a tombstone, an empty one is empty', (t) => {
  t.is(fail({ ...good, value: null }).message.value, null)
  t.deepEqual(fail({ ...good, value: new Uint8Array(0) }).message.value, Buffer.alloc(0))
})

test('row 38: what a value throws while it becomes JSON is the cause', (t) => {
  const thrown = new Error('mine')
  const hostile = {
    toJSON() {
      throw thrown
    },
  }
  t.is(t.throws<ArgumentError>(() => fail({ ...good, value: hostile }))?.cause, thrown)
})

test('a plain object or array is its JSON text', (t) => {
  t.is(String(fail({ ...good, value: { a: [1] } }).message.value), '{"a":[1]}')
  t.is(String(fail({ ...good, value: [1, null] }).message.value), '[1,null]')
  t.is(String(fail({ ...good, value: Object.assign(Object.create(null), { a: 1 }) }).message.value), '{"a":1}')
})

test('row 47: notifySuccess refuses under its own name', (t) => {
  t.throws(() => succeed({ topic: '', dataId: 1 }), {
    code: 'KER_ARGUMENT',
    message: /^notifySuccess: message\.topic must/,
  })
  t.throws(() => succeed({ topic: 'orders' }), {
    code: 'KER_ARGUMENT',
    message: /^notifySuccess: message\.dataId must/,
  })
  t.deepEqual(succeed({ topic: 'orders', dataId: 7n }), { topic: 'orders', dataId: '7', groupId: '', headers: null })
})

test('row 70: objects of another realm are taken', (t) => {
  const foreign = runInNewContext(
    '({ topic: "orders", dataId: 1, key: new Uint8Array([1]), value: { a: 1 }, timestamp: new Date(5) })',
  )
  const { message } = fail(foreign)
  t.deepEqual(message.key, Buffer.from([1]))
  t.is(String(message.value), '{"a":1}')
  t.is(message.timestamp, 5)
})

test('without an id but with the record’s place and headers, the default id is left to the core', (t) => {
  const { dataId: _, ...rest } = good
  const { dataId, message } = fail({ ...rest, partition: 3, offset: '0042', headers: {} })
  t.is(dataId, null)
  t.is(message.partition, 3)
  t.is(message.offset, '42')
})

test('headers of every usual client become one ordered list', (t) => {
  const expected = [
    { name: 'a', value: Buffer.from('1') },
    { name: 'b', value: Buffer.from('2') },
    { name: 'b', value: null },
  ]
  const shapes = [
    { a: '1', b: [Buffer.from('2'), null], c: undefined },
    [
      ['a', '1'],
      ['b', '2'],
      ['b', null],
    ],
    [
      { name: 'a', value: '1' },
      { key: 'b', value: '2' },
      { key: Buffer.from('b'), value: null },
    ],
    [{ a: '1' }, { b: Buffer.from('2') }, { b: null }],
  ]
  for (const headers of shapes) t.deepEqual(fail({ ...good, headers }).message.headers, expected)
})

test('a single message is copied, so its owner may write to it at once; an array is read before the call returns', (t) => {
  const bytes = Buffer.from('before')
  const copied = fail({ ...good, value: bytes, key: bytes, headers: { a: bytes } }).message
  const borrowed = readAll([{ ...good, value: bytes }], 'pushError', readFailure('', 'borrowed'))[0]?.message
  bytes.write('after!')
  t.is(String(copied.value), 'before')
  t.is(String(copied.key), 'before')
  t.is(String(copied.headers[0]?.value), 'before')
  t.is(borrowed?.value, bytes)
})

test('coordinates, group, policy, error and failureId are taken as callers write them', (t) => {
  const failure = readFailure('mine', 'copied')(
    {
      ...good,
      offset: 5n,
      timestamp: '1700000000000',
      policy: { maxDelay: '1h' },
      error: new Error('boom'),
      failureId: 'AB'.repeat(16),
    },
    new Place('pushError', 'message'),
  )
  t.is(failure.groupId, 'mine')
  t.is(failure.message.offset, '5')
  t.is(failure.message.timestamp, 1_700_000_000_000)
  t.is(failure.policy, '{"maxDelay":3600000}')
  t.is(failure.error?.message, 'boom')
  t.is(failure.failureId, 'ab'.repeat(16))
  t.is(fail({ ...good, groupId: 'other' }).groupId, 'other')
})

test('a header that cannot be read is named by its place', (t) => {
  const headers = {
    a: 'x',
    get secret() {
      throw new Error('mine')
    },
  }
  t.throws(() => fail({ ...good, headers }), { message: 'pushError: message.headers[1].value could not be read' })
})

test('whatever is pushed, it is taken whole or refused with KER_ARGUMENT', (t) => {
  const anything = fc.anything({
    withNullPrototype: true,
    withBigInt: true,
    withTypedArray: true,
    withDate: true,
    withMap: true,
  })
  const message = fc.record(
    { topic: fc.constantFrom('orders', 'a b'), dataId: anything, key: anything, value: anything, headers: anything },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(message, anything), (given) => {
      try {
        const { dataId, message } = fail(given)
        return dataId === null || (dataId.length > 0 && message.value !== undefined)
      } catch (error) {
        return error instanceof ArgumentError
      }
    }),
    { numRuns: 500 },
  )
  t.pass()
})

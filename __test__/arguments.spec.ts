import test from 'ava'

import { readAll, readFailure, readOne } from '../dist/arguments.js'
import { Place } from '../dist/place.js'

const good = { topic: 'orders', dataId: '1', value: 'v' }
const fail = (message: unknown) => readOne(message, 'pushError', readFailure('', 'copied'))

test('a plain object or array is its JSON text', (t) => {
  t.is(String(fail({ ...good, value: { a: [1] } }).message.value), '{"a":[1]}')
  t.is(String(fail({ ...good, value: [1, null] }).message.value), '[1,null]')
  t.is(String(fail({ ...good, value: Object.assign(Object.create(null), { a: 1 }) }).message.value), '{"a":1}')
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

// Rows 30–43 and 47: messages that cannot be stored. The marker of the payload is the canary.
import { holed, thrown, type Case, type Row } from './options.js'
import { canary } from './refusal.js'

/** A message that works, as long as nothing of it is replaced. */
export const good = { topic: 'orders', dataId: '1', key: canary, value: canary, headers: { trace: canary } }

const object = 'message must be an object'
const topic = "message.topic must be 1–249 characters of [A-Za-z0-9._-] and not '.' or '..'"
const dataId = 'message.dataId must be a non-empty string up to 255 bytes, an integer or a bigint'
const unsafe = 'message.dataId integers must be safe; use bigint or string; received number'
const unicode = 'message.dataId must be valid Unicode without NUL'
const key = 'message.key must be a string, Buffer, Uint8Array or null'
const value = 'message.value must be a string, Buffer, Uint8Array, null, or a plain object or array (stored as JSON)'
const unowned = 'must not lie on a detached ArrayBuffer or a SharedArrayBuffer'
const headers = 'message.headers must be an object of names, or an array of [name, value] or { name, value }'
const pair = 'must be [name, value] or { name, value }'
const headerValue = 'must be a string, Buffer, Uint8Array or null'
const partition = 'message.partition must be an integer 0–2147483647'
const offset = 'message.offset must be an integer 0–9223372036854775807 as a string, safe number or bigint'
const timestamp = 'message.timestamp must be a valid Date, or epoch milliseconds up to 8640000000000000'

const circle: Record<string, unknown> = { canary }
circle['self'] = circle
const detached = new Uint8Array(8)
structuredClone(detached.buffer, { transfer: [detached.buffer] })
const shared = new Uint8Array(new SharedArrayBuffer(8))
const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()
const { proxy: revokedList, revoke: revokeList } = Proxy.revocable([], {})
revokeList()
const manyHeaders = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`h${index}`, canary]))
const throwMine = () => {
  throw thrown
}

const topics = ['', '.', '..', 'a'.repeat(250), 'a b', 'ä', 'a\n', 'a/b', 'a\0']
const topicCases = (method: string) => [
  [`${method}: missing`, { ...good, topic: undefined }, `${topic}; received undefined`] as const,
  [`${method}: a number`, { ...good, topic: 5 }, `${topic}; received number`] as const,
  ...topics.map(
    (given) => [given.slice(0, 9), { ...good, topic: given }, `${topic}; received string(${given.length})`] as const,
  ),
]
const idCases: readonly Case[] = [
  ['missing', { ...good, dataId: undefined }, `${dataId}; received undefined`],
  ['empty', { ...good, dataId: '' }, `${dataId}; received string(0)`],
  ['NaN', { ...good, dataId: Number.NaN }, `${dataId}; received NaN`],
  ['an object', { ...good, dataId: {} }, `${dataId}; received object`],
  ['a boolean', { ...good, dataId: true }, `${dataId}; received boolean`],
  ['a symbol', { ...good, dataId: Symbol(canary) }, `${dataId}; received symbol`],
  ['256 bytes', { ...good, dataId: 'é'.repeat(128) }, `${dataId}; received string(128)`],
  ['a bigint of 256 digits', { ...good, dataId: 10n ** 255n }, `${dataId}; received bigint`],
]
const unsafeCases: readonly Case[] = [
  ['2⁵³', { ...good, dataId: 2 ** 53 }, unsafe],
  ['-2⁵³', { ...good, dataId: -(2 ** 53) }, unsafe],
  ['1.5', { ...good, dataId: 1.5 }, unsafe],
]
const unicodeCases: readonly Case[] = [
  ['NUL', { ...good, dataId: 'a\0b' }, `${unicode}; received string(3)`],
  ['half a character', { ...good, dataId: 'a\uD800' }, `${unicode}; received string(2)`],
]
const headerCases: readonly Case[] = [
  ['a Map', { ...good, headers: new Map([['a', canary]]) }, `${headers}; received Map`],
  ['text', { ...good, headers: canary }, `${headers}; received string(${canary.length})`],
  ['bytes', { ...good, headers: Buffer.from(canary) }, `${headers}; received Buffer(${canary.length})`],
  ['nested', { ...good, headers: { a: { b: canary } } }, `message.headers[0].value ${headerValue}; received object`],
  [
    'a number',
    { ...good, headers: { a: '', b: '', c: '', d: 5 } },
    `message.headers[3].value ${headerValue}; received number`,
  ],
  [
    'a number in a list',
    { ...good, headers: { a: ['', 5] } },
    `message.headers[0].value ${headerValue}; received number`,
  ],
  [
    'a pair with a number',
    { ...good, headers: [['a', 5]] },
    `message.headers[0].value ${headerValue}; received number`,
  ],
  ['a pair of three', { ...good, headers: [['a', 'b', 'c']] }, `message.headers[0] ${pair}; received array(3)`],
  ['a hole', { ...good, headers: holed(['a', 'b'], ['c', 'd']) }, `message.headers[1] ${pair}; received undefined`],
  [
    'NUL in a name',
    { ...good, headers: [['a\0', 'b']] },
    'message.headers[0].name must be a string without NUL; received string(2)',
  ],
  [
    'a detached value',
    { ...good, headers: { a: detached } },
    `message.headers[0].value ${unowned}; received Uint8Array(0)`,
  ],
  ['200', { ...good, headers: manyHeaders }, 'message.headers must be at most 128; received object'],
  [
    'a getter',
    { ...good, headers: Object.defineProperty({ a: 'x' }, canary, { enumerable: true, get: throwMine }) },
    'message.headers[1].value could not be read',
  ],
  [
    'names that cannot be read',
    { ...good, headers: new Proxy({}, { ownKeys: throwMine }) },
    'message.headers could not be read',
  ],
  ['a revoked proxy', { ...good, headers: revoked }, 'message.headers could not be read'],
  ['a revoked list', { ...good, headers: { a: revokedList } }, 'message.headers[0].value could not be read'],
]

/** What `pushError` refuses. */
export const pushRows: readonly Row[] = [
  {
    title: '30: a message that is no object',
    cases: [
      ['undefined', undefined, `${object}; received undefined`],
      ['null', null, `${object}; received null`],
      ['a number', 5, `${object}; received number`],
      ['a string', canary, `${object}; received string(${canary.length})`],
      ['a revoked proxy', revoked, 'message.topic could not be read'],
      ['null in an array', [good, good, null], 'messages[2] must be an object; received null'],
      ['a hole in an array', holed(good, good), 'messages[1] must be an object; received undefined'],
      [
        'a wrong topic in an array',
        [good, { ...good, topic: '' }],
        `messages[1].${topic.slice(8)}; received string(0)`,
      ],
      ['a revoked array', revokedList, 'message.topic could not be read'],
      ['an array with a getter', Object.defineProperty([good], 1, { get: throwMine }), 'messages[1] could not be read'],
    ],
  },
  { title: '31: a topic that Kafka does not take', cases: topicCases('pushError') },
  {
    title: '32: a dataId that is none',
    cases: [
      ...idCases,
      [
        'missing, without headers',
        { ...good, dataId: null, partition: 0, offset: '1', headers: null },
        `${dataId}; received undefined`,
      ],
      ['missing, without partition', { ...good, dataId: null, offset: '1' }, `${dataId}; received undefined`],
      ['missing, without offset', { ...good, dataId: null, partition: 0 }, `${dataId}; received undefined`],
    ],
  },
  { title: '34: a dataId that may be another number', cases: unsafeCases },
  { title: '35: a dataId that no store keeps as it is', cases: unicodeCases },
  {
    title: '36: a key that is no bytes',
    cases: [
      ['a number', { ...good, key: 5 }, `${key}; received number`],
      ['an object', { ...good, key: { canary } }, `${key}; received object`],
      ['an ArrayBuffer', { ...good, key: new ArrayBuffer(1) }, `${key}; received object`],
      ['other numbers', { ...good, key: new Uint16Array(1) }, `${key}; received object`],
      ['detached', { ...good, key: detached }, `message.key ${unowned}; received Uint8Array(0)`],
    ],
  },
  {
    title: '37: a value that is missing',
    cases: [
      ['undefined', { ...good, value: undefined }, `${value}; use null for a tombstone; received undefined`],
      ['absent', { topic: 'orders', dataId: 1 }, `${value}; use null for a tombstone; received undefined`],
    ],
  },
  {
    title: '38: a value that is no bytes and no JSON',
    cases: [
      ['a number', { ...good, value: 5 }, `${value}; received number`],
      ['a boolean', { ...good, value: true }, `${value}; received boolean`],
      ['a bigint', { ...good, value: 1n }, `${value}; received bigint`],
      ['a symbol', { ...good, value: Symbol(canary) }, `${value}; received symbol`],
      ['a function', { ...good, value: () => canary }, `${value}; received function`],
      ['a Map', { ...good, value: new Map([[canary, 1]]) }, `${value}; received Map`],
      ['a Date', { ...good, value: new Date(0) }, `${value}; received Date`],
      ['an instance', { ...good, value: new (class Order {})() }, `${value}; received object`],
      ['nothing left of it', { ...good, value: { toJSON: () => undefined } }, `${value}; received object`],
      ['a circle', { ...good, value: circle }, `${value}; received object`],
      ['a bigint inside', { ...good, value: { canary: 1n } }, `${value}; received object`],
      ['a throwing toJSON', { ...good, value: { toJSON: throwMine } }, `${value}; received object`],
      ['a revoked proxy', { ...good, value: revoked }, `${value}; received object`],
    ],
  },
  {
    title: '39: a value on memory that is not the caller’s alone',
    cases: [
      ['detached', { ...good, value: detached }, `message.value ${unowned}; received Uint8Array(0)`],
      ['shared', { ...good, value: shared }, `message.value ${unowned}; received Uint8Array(8)`],
      ['shared in an array', [{ ...good, value: shared }], `messages[0].value ${unowned}; received Uint8Array(8)`],
    ],
  },
  { title: '41: headers that are none', cases: headerCases },
  {
    title: '42: a partition or offset that is none',
    cases: [
      ['partition -1', { ...good, partition: -1 }, `${partition}; received number`],
      ['partition 1.5', { ...good, partition: 1.5 }, `${partition}; received number`],
      ['partition 2³¹', { ...good, partition: 2 ** 31 }, `${partition}; received number`],
      ['partition as text', { ...good, partition: '0' }, `${partition}; received string(1)`],
      ['offset -1', { ...good, offset: -1 }, `${offset}; received number`],
      ['offset abc', { ...good, offset: 'abc' }, `${offset}; received string(3)`],
      ['offset 1.5', { ...good, offset: 1.5 }, `${offset}; received number`],
      ['offset 2⁵³', { ...good, offset: 2 ** 53 }, `${offset}; received number`],
      ['offset over i64', { ...good, offset: '9223372036854775808' }, `${offset}; received string(19)`],
      ['offset over i64 as bigint', { ...good, offset: 2n ** 63n }, `${offset}; received bigint`],
    ],
  },
  {
    title: '43: a timestamp that is none',
    cases: [
      ['an invalid Date', { ...good, timestamp: new Date(Number.NaN) }, `${timestamp}; received Date`],
      ['negative', { ...good, timestamp: -1 }, `${timestamp}; received number`],
      ['before 1970', { ...good, timestamp: new Date(-1) }, `${timestamp}; received Date`],
      ['10¹⁷', { ...good, timestamp: 1e17 }, `${timestamp}; received number`],
      ['text', { ...good, timestamp: 'soon' }, `${timestamp}; received string(4)`],
    ],
  },
  {
    title: 'more than the table: groupId, policy and failureId of one call',
    cases: [
      [
        'a group of 256 bytes',
        { ...good, groupId: 'g'.repeat(256) },
        'message.groupId must be a string up to 255 bytes, valid Unicode without NUL; received string(256)',
      ],
      [
        'a policy',
        { ...good, policy: { retryCount: -1 } },
        'message.policy.retryCount must be an integer 0–2147483647; received number',
      ],
      [
        'a policy with two problems',
        { ...good, policy: { retryCount: -1, maxDelai: 1 } },
        'message.policy.retryCount must be an integer 0–2147483647; received number; message.policy.maxDelai is unknown. Did you mean message.policy.maxDelay?',
      ],
      [
        'a policy that throws',
        { ...good, policy: Object.defineProperty({}, 'backoff', { enumerable: true, get: throwMine }) },
        'message.policy.backoff could not be read',
      ],
      [
        'a failureId',
        { ...good, failureId: 'xyz' },
        'message.failureId must be 32 hexadecimal digits; received string(3)',
      ],
    ],
  },
]

/** What `notifySuccess` refuses, under its own name. */
export const successRows: readonly Row[] = [
  {
    title: '47: notifySuccess with a bad message',
    cases: [
      ['undefined', undefined, `${object}; received undefined`],
      ['null in an array', [good, null], 'messages[1] must be an object; received null'],
      ...topicCases('notifySuccess'),
      ...idCases,
      ...unsafeCases,
      ...unicodeCases,
      ...headerCases,
    ],
  },
]

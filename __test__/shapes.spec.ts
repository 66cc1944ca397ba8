import test from 'ava'

import { brokers, sasl, tls } from '../dist/brokers.js'
import { database } from '../dist/database.js'
import { difference } from '../dist/difference.js'
import { nearest } from '../dist/nearest.js'
import { policy } from '../dist/policy.js'
import { received } from '../dist/received.js'
import { Reading, settings, type Shape } from '../dist/shape.js'

function read(shape: Shape, value: unknown) {
  const reading = new Reading('options')
  const result = shape(value, 'at', reading)
  return {
    result,
    problems: reading.problems.map(({ path, expected }) => `${path} ${expected}`),
    ignored: reading.ignored,
  }
}

const databases: [given: unknown, taken: object][] = [
  [
    'mysql://us%40er:p%3Aw@db.example:3307/my-db?poolSize=5',
    {
      type: 'mysql',
      host: 'db.example',
      port: 3307,
      username: 'us@er',
      password: 'p:w',
      database: 'my-db',
      poolSize: 5,
    },
  ],
  ['mariadb://localhost', { type: 'mariadb', host: 'localhost' }],
  ['postgres://[::1]:5433/x', { type: 'postgres', host: '::1', port: 5433, database: 'x' }],
  ['postgresql://h/x?tls=false', { type: 'postgres', host: 'h', database: 'x', tls: false }],
  ['sqlite:./retry.db', { type: 'sqlite', database: './retry.db' }],
  ['sqlite:///var/lib/retry.db', { type: 'sqlite', database: '/var/lib/retry.db' }],
  ['sqlite:', { type: 'sqlite' }],
  ['memory:', { type: 'memory' }],
  [
    { type: 'mysql', port: '3306', password: undefined, host: null },
    { type: 'mysql', port: 3306 },
  ],
  [
    { type: 'mysql', logging: ['query'] },
    { type: 'mysql', logging: true },
  ],
  [
    { url: 'mysql://a:b@h/d', password: 'c' },
    { type: 'mysql', host: 'h', username: 'a', password: 'c', database: 'd' },
  ],
]

for (const [index, [given, taken]] of databases.entries()) {
  test(`db form ${index + 1}: ${typeof given === 'string' ? given : Object.keys(given as object).join(', ')}`, (t) => {
    t.deepEqual(read(database, given), { result: taken, problems: [], ignored: [] })
  })
}

test('unknown names under db are ignored and told, with the nearest known one', (t) => {
  const { problems, ignored } = read(database, { type: 'mysql', entities: [], pasword: 'x' })
  t.deepEqual(problems, [])
  t.deepEqual(ignored, [
    'options.at.entities is unknown and ignored',
    'options.at.pasword is unknown and ignored. Did you mean options.at.password?',
  ])
})

test('a SQLite file is a path and not a name', (t) => {
  t.deepEqual(read(database, { type: 'sqlite', database: './a b.db' }).problems, [])
  t.is(read(database, { type: 'sqlite', database: '' }).problems.length, 1)
  t.is(read(database, { type: 'sqlite', database: 'a\0b' }).problems.length, 1)
})

test('brokers are a comma string or an array, with spaces around commas', (t) => {
  t.deepEqual(read(brokers, 'a:9092 , b:9093').result, ['a:9092', 'b:9093'])
  t.deepEqual(read(brokers, ['a:9092', '[::1]:9093']).result, ['a:9092', '[::1]:9093'])
})

test('TLS takes a Buffer or an array of texts as Node does', (t) => {
  const shape = tls('ca', 'cert', 'key', 'rejectUnauthorized')
  t.deepEqual(read(shape, { ca: ['A', Buffer.from('B')], rejectUnauthorized: false }).result, {
    ca: 'A\nB',
    rejectUnauthorized: false,
  })
  t.deepEqual(read(shape, { passphrase: 'x' }).problems.length, 1)
})

test('a SASL mechanism is taken in any case, and all three members are needed', (t) => {
  const login = { mechanism: 'SCRAM-SHA-256', username: 'u', password: 'p' }
  t.deepEqual(read(sasl, login).result, { ...login, mechanism: 'scram-sha-256' })
  t.deepEqual(read(sasl, { mechanism: 'plain', username: 'u' }).problems, ['at.password must be a string'])
})

test('settings of librdkafka cross as text', (t) => {
  t.deepEqual(read(settings, { 'linger.ms': 0, 'socket.keepalive.enable': true }).result, {
    'linger.ms': '0',
    'socket.keepalive.enable': 'true',
  })
  t.deepEqual(read(settings, { 'a.b': {} }).problems, ['at.a.b must be a string, number or boolean'])
})

test('the longest delay of a policy becomes milliseconds', (t) => {
  t.deepEqual(read(policy, { retryCount: 3, maxDelay: '5m' }).result, { retryCount: 3, maxDelay: 300_000 })
})

test('a difference is named by its path', (t) => {
  t.is(difference({ a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }), undefined)
  t.is(difference({ policy: { retryCount: 1 } }, { policy: { retryCount: 2 } }), 'policy.retryCount')
  t.is(difference({ kafka: { brokers: ['a'] } }, { kafka: { brokers: ['a', 'b'] } }), 'kafka.brokers[1]')
  t.is(difference({}, { groupId: 'g' }), 'groupId')
})

test('the nearest name is near, or there is none', (t) => {
  const names = ['policy', 'partitions', 'password']
  t.is(nearest('polcy', names), 'policy')
  t.is(nearest('PASSWORD', names), 'password')
  t.is(nearest('partiitons', names), 'partitions')
  t.is(nearest('zebra', names), undefined)
  t.is(nearest('p'.repeat(100_000), names), undefined)
})

test('a received value is shown by its type', (t) => {
  const shown = [
    'secret',
    1,
    Number.NaN,
    null,
    undefined,
    true,
    1n,
    [1, 2],
    Buffer.from('abc'),
    new Map(),
    new Date(),
    {},
  ]
  t.deepEqual(shown.map(received), [
    'string(6)',
    'number',
    'NaN',
    'null',
    'undefined',
    'boolean',
    'bigint',
    'array(2)',
    'Buffer(3)',
    'Map',
    'Date',
    'object',
  ])
})

import test from 'ava'
import { inspect } from 'node:util'

import { ConfigError } from '../dist/errors.js'
import { prepareOptions } from '../dist/options.js'

interface Thrown {
  error: ConfigError
  problems: { path: string; expected: string; received: string }[]
}

const good = { db: { type: 'memory' }, kafka: { brokers: '127.0.0.1:9092' } }
const canary = 'hunter2-canary'

function refusal(options: unknown): Thrown {
  try {
    prepareOptions('getInstance', options)
  } catch (error) {
    if (error instanceof ConfigError) {
      return { error, problems: error.details?.['problems'] as Thrown['problems'] }
    }
    throw error
  }
  throw new Error('the options were accepted')
}

const withDb = (db: object) => ({ ...good, db: { ...good.db, ...db } })
const withKafka = (kafka: object) => ({ ...good, kafka: { ...good.kafka, ...kafka } })
const withPolicy = (policy: unknown) => ({ ...good, policy })
const port = 'options.db.port must be an integer 1–65535'
const database = 'options.db.database must match [A-Za-z0-9_-]{1,63}'
const prefix = 'options.db.tablePrefix must match [A-Za-z_][A-Za-z0-9_]{0,47}'
const retryCount = 'options.policy.retryCount must be an integer 0–2147483647'
const maxDelay = 'options.policy.maxDelay must be a duration > 0'
const logger = 'options.logger must be a function, or an object with debug, info, warn, error'

const rows: [row: string, options: unknown, text: string][] = [
  ['1: no argument', undefined, 'getInstance: options must be an object, received undefined'],
  ['1: null', null, 'getInstance: options must be an object, received null'],
  ['1: array', [], 'getInstance: options must be an object, received array(0)'],
  ['1: string', 'x', 'getInstance: options must be an object, received string(1)'],
  ['1: nothing in it', {}, 'db config is required.'],
  ['1: no db', { kafka: good.kafka }, 'db config is required.'],
  ['1: null db', { kafka: good.kafka, db: null }, 'db config is required.'],
  ['1: no kafka', { db: good.db }, 'kafka config is required.'],
  ['2: unknown key', { ...good, polcy: {} }, 'getInstance: options.polcy is unknown. Did you mean options.policy?'],
  [
    '2: unknown key of a part',
    withKafka({ partitons: 1 }),
    'getInstance: options.kafka.partitons is unknown. Did you mean options.kafka.partitions?',
  ],
  ['2: unknown key like nothing', { ...good, zzzzzz: 1 }, 'getInstance: options.zzzzzz is unknown'],
  [
    '4: unknown database',
    withDb({ type: 'oracle' }),
    'getInstance: options.db.type must be one of mysql, mariadb, postgres, sqlite, memory; received string(6)',
  ],
  ['5: port 0', withDb({ port: 0 }), `getInstance: ${port}; received number`],
  ['5: port 65536', withDb({ port: 65_536 }), `getInstance: ${port}; received number`],
  ['5: port 1.5', withDb({ port: 1.5 }), `getInstance: ${port}; received number`],
  ['5: port NaN', withDb({ port: Number.NaN }), `getInstance: ${port}; received NaN`],
  ['5: port empty', withDb({ port: '' }), `getInstance: ${port}; received string(0)`],
  ['5: port 3306x', withDb({ port: '3306x' }), `getInstance: ${port}; received string(5)`],
  ['6: database with SQL', withDb({ database: 'a;DROP TABLE x' }), `getInstance: ${database}; received string(14)`],
  ['6: database with a backtick', withDb({ database: 'a`b' }), `getInstance: ${database}; received string(3)`],
  ['6: database of 64', withDb({ database: 'a'.repeat(64) }), `getInstance: ${database}; received string(64)`],
  ['6: database empty', withDb({ database: '' }), `getInstance: ${database}; received string(0)`],
  ['6: database with a line break', withDb({ database: 'a\n' }), `getInstance: ${database}; received string(2)`],
  ['6: prefix a-b', withDb({ tablePrefix: 'a-b' }), `getInstance: ${prefix}; received string(3)`],
  ['6: prefix 1a', withDb({ tablePrefix: '1a' }), `getInstance: ${prefix}; received string(2)`],
  ['6: prefix of 49', withDb({ tablePrefix: 'a'.repeat(49) }), `getInstance: ${prefix}; received string(49)`],
  [
    '8: second broker empty',
    withKafka({ brokers: 'a:1,,b:2' }),
    'getInstance: options.kafka.brokers[1] must be host:port',
  ],
  ['8: no port', withKafka({ brokers: 'host' }), 'getInstance: options.kafka.brokers[0] must be host:port'],
  ['8: port 0', withKafka({ brokers: 'host:0' }), 'getInstance: options.kafka.brokers[0] must be host:port'],
  ['8: a number', withKafka({ brokers: [9092] }), 'getInstance: options.kafka.brokers[0] must be host:port'],
  ['8: empty text', withKafka({ brokers: '' }), 'getInstance: options.kafka.brokers must be host:port'],
  ['8: empty array', withKafka({ brokers: [] }), 'getInstance: options.kafka.brokers must be host:port'],
  ['8: missing', { ...good, kafka: {} }, 'getInstance: options.kafka.brokers must be host:port'],
  ['12: negative', withPolicy({ retryCount: -1 }), `getInstance: ${retryCount}; received number`],
  ['12: 1.5', withPolicy({ retryCount: 1.5 }), `getInstance: ${retryCount}; received number`],
  ['12: NaN', withPolicy({ retryCount: Number.NaN }), `getInstance: ${retryCount}; received NaN`],
  ['12: infinite', withPolicy({ retryCount: Infinity }), `getInstance: ${retryCount}; received Infinity`],
  ['12: text', withPolicy({ retryCount: '10' }), `getInstance: ${retryCount}; received string(2)`],
  ['12: 2³¹', withPolicy({ retryCount: 2 ** 31 }), `getInstance: ${retryCount}; received number`],
  ['13', withPolicy({ backoff: 'yes' }), 'getInstance: options.policy.backoff must be a boolean; received string(3)'],
  ['14: 0', withPolicy({ maxDelay: 0 }), `getInstance: ${maxDelay}; received number`],
  ['14: negative', withPolicy({ maxDelay: -1 }), `getInstance: ${maxDelay}; received number`],
  ['14: NaN', withPolicy({ maxDelay: Number.NaN }), `getInstance: ${maxDelay}; received NaN`],
  ['14: soon', withPolicy({ maxDelay: 'soon' }), `getInstance: ${maxDelay}; received string(4)`],
  ['15: a Date', { ...good, scheduleRule: new Date() }, 'getInstance: options.scheduleRule must be a cron expression'],
  ['16', { ...good, leaseTimeout: 0 }, 'getInstance: options.leaseTimeout must be a duration > 0; received number'],
  ['18', { ...good, logger: 'x' }, `getInstance: ${logger}; received string(1)`],
  [
    'a function as partitioner is not there yet',
    { ...good, partitioner: () => 0 },
    'getInstance: options.partitioner must be one of 2.x, murmur2_random, fnv1a, crc32; received function',
  ],
]

for (const [row, options, text] of rows) {
  test(`row ${row}`, (t) => {
    const before = inspect(options, { depth: 9 })
    const { error, problems } = refusal(options)
    t.is(error.code, 'KER_CONFIG')
    t.true(error.message.startsWith(text), error.message)
    t.true(problems.length > 0)
    t.is(inspect(options, { depth: 9 }), before)
  })
}

test('several problems are told at once', (t) => {
  const { error, problems } = refusal({ ...withDb({ port: -1 }), policy: { retryCount: 'x', backoff: 1 } })
  t.true(error.message.startsWith(`getInstance: 3 problems: ${port}; received number; ${retryCount}`), error.message)
  t.deepEqual(problems[0], { path: 'db.port', expected: 'must be an integer 1–65535', received: 'number' })
  t.deepEqual(
    problems.map(({ path }) => path),
    ['db.port', 'policy.retryCount', 'policy.backoff'],
  )
})

test('a missing db is the whole message, and the rest is in the details', (t) => {
  const { error, problems } = refusal({ polcy: 1 })
  t.is(error.message, 'db config is required.')
  t.is(error.details?.['method'], 'getInstance')
  t.deepEqual(
    problems.map(({ path }) => path),
    ['db', 'kafka', 'polcy'],
  )
})

test('row 19: an option that cannot be read names itself, and the thrown value is the cause', (t) => {
  const thrown = new Error('mine')
  const options = Object.defineProperty({ ...good }, 'db', {
    enumerable: true,
    get: () => {
      throw thrown
    },
  })
  const { error } = refusal(options)
  t.is(error.message, 'getInstance: options.db could not be read')
  t.is(error.cause, thrown)
})

test('a revoked proxy is refused and harms nothing', (t) => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  t.is(refusal(proxy).error.code, 'KER_CONFIG')
  t.true(refusal({ ...good, policy: proxy }).error.message.startsWith('getInstance: options.policy must be an object'))
})

test('what is inherited is no option', (t) => {
  t.is(refusal(Object.create(good)).error.message, 'db config is required.')
})

test('no part of a refused value is shown', (t) => {
  const options = {
    db: { type: canary, username: canary, password: canary, port: canary, database: `;${canary}`, tls: canary },
    kafka: { brokers: canary, sasl: { mechanism: canary, username: canary, password: 1 }, ssl: { ca: 1 } },
    policy: canary,
    scheduleRule: 1,
  }
  const { error } = refusal(options)
  for (const shown of [error.message, error.stack ?? '', JSON.stringify(error), inspect(error, { depth: 9 })]) {
    t.false(shown.includes(canary))
  }
})

test('a wrong URL does not show its password', (t) => {
  for (const db of [`oracle://u:${canary}@h/d`, `mysql://u:${canary}%@h:99999/d`, `mysql://u:${canary}@h:x/d`]) {
    t.false(inspect(refusal({ ...good, db }).error, { depth: 9 }).includes(canary))
  }
})

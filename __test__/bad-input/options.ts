// Rows 1–19: options that cannot work. Each goes to `getInstance` and to `new`.
import { runInNewContext } from 'node:vm'

import { canary } from './refusal.js'

/** One bad input: what it is, the input, and the text of its problem, which the method's name goes before. */
export type Case = readonly [what: string, input: unknown, text: string]

/** A row of the table. */
export interface Row {
  title: string
  cases: readonly Case[]
}

/** Texts of 2.x, which stand alone (rule 4). */
export const whole: readonly string[] = ['db config is required.', 'kafka config is required.']

/** Options that would work, if servers were at these ports; every secret in them is the canary. */
export function goodOptions(dbPort: number, kafkaPort: number) {
  return {
    db: { type: 'mysql', host: '127.0.0.1', port: dbPort, username: 'u', password: canary },
    kafka: {
      brokers: `127.0.0.1:${kafkaPort}`,
      sasl: { mechanism: 'plain', username: 'u', password: canary },
    },
  }
}

const kinds = 'must be one of mysql, mariadb, postgres, sqlite, memory'
const url = 'must be an object, or a URL such as mysql://…, mariadb://…, postgres://…, sqlite:path, memory:'
const port = 'options.db.port must be an integer 1–65535'
const database = 'options.db.database must match [A-Za-z0-9_-]{1,63}'
const file = 'options.db.database must be a file path: a non-empty string without NUL'
const prefix = 'options.db.tablePrefix must match [A-Za-z_][A-Za-z0-9_]{0,47}'
const brokers = 'options.kafka.brokers must be host:port, several with commas between or in an array'
const count = 'options.policy.retryCount must be an integer 0–2147483647'
const delay = 'options.policy.maxDelay must be a duration > 0'
const rule = 'options.scheduleRule: invalid cron expression at field'
const fields = (given: number) => `${rule} 1: 5 or 6 fields are needed, ${given} were given`
const lease = 'options.leaseTimeout must be'
const shortLease = `${lease} at least 3 s: three renewals must fit into it`
const logger = 'options.logger must be a function, or an object with debug, info, warn, error'
const setting = 'options.kafka.librdkafka'
const topic = "must be 1–249 characters of [A-Za-z0-9._-] and not '.' or '..'"

/** What a getter of the caller throws. */
export const thrown = new Error('mine')

/** A list whose second place is empty. */
export const holed = (first: unknown, third: unknown): unknown[] => Object.assign([], { 0: first, 2: third })

const throwing = (key: string, others: object) =>
  Object.defineProperty({ ...others }, key, {
    enumerable: true,
    get() {
      throw thrown
    },
  })

export function optionRows(good: ReturnType<typeof goodOptions>): Row[] {
  const { db, kafka } = good
  const withDb = (further: object) => ({ ...good, db: { ...db, ...further } })
  const withKafka = (further: object) => ({ ...good, kafka: { ...kafka, ...further } })
  const withPolicy = (policy: unknown) => ({ ...good, policy })
  const withSetting = (librdkafka: object) => withKafka({ librdkafka })
  const { proxy: revoked, revoke } = Proxy.revocable({}, {})
  revoke()
  const { proxy: revokedList, revoke: revokeList } = Proxy.revocable([], {})
  revokeList()
  return [
    {
      title: '1: options that are no object, or lack db or kafka',
      cases: [
        ['no argument', undefined, 'options must be an object, received undefined'],
        ['null', null, 'options must be an object, received null'],
        ['an array', [], 'options must be an object, received array(0)'],
        ['a string', canary, `options must be an object, received string(${canary.length})`],
        ['a revoked proxy', revoked, 'options must be an object, received object'],
        ['{}', {}, 'db config is required.'],
        ['no db', { kafka }, 'db config is required.'],
        ['a null db', { kafka, db: null }, 'db config is required.'],
        ['no db, and more', { kafka, polcy: 1 }, 'db config is required.'],
        ['no kafka', { db }, 'kafka config is required.'],
        ['a null kafka', { db, kafka: null }, 'kafka config is required.'],
        ['inherited', Object.create(good), 'db config is required.'],
        ['a number as db', { kafka, db: 5 }, `options.db ${url}; received number`],
        ['a number as kafka', { db, kafka: 5 }, 'options.kafka must be an object; received number'],
      ],
    },
    {
      title: '2: an unknown key is refused with the nearest known one',
      cases: [
        ['polcy', { ...good, polcy: {} }, 'options.polcy is unknown. Did you mean options.policy?'],
        [
          'partitons',
          withKafka({ partitons: 1 }),
          'options.kafka.partitons is unknown. Did you mean options.kafka.partitions?',
        ],
        ['like nothing', { ...good, zzzzzz: 1 }, 'options.zzzzzz is unknown'],
        ['a payload as key', { ...good, ['z'.repeat(100)]: 1 }, `options.${'z'.repeat(64)}… is unknown`],
        [
          'in a policy',
          withPolicy({ backof: 1 }),
          'options.policy.backof is unknown. Did you mean options.policy.backoff?',
        ],
        ['__proto__', ownProto(good), 'options.__proto__ is unknown'],
      ],
    },
    {
      title: '4: an unknown kind of database',
      cases: [
        ['oracle', withDb({ type: 'oracle' }), `options.db.type ${kinds}; received string(6)`],
        ['none', withDb({ type: undefined }), `options.db.type ${kinds}; received undefined`],
        ['a URL', { ...good, db: `oracle://u:${canary}@h/d` }, `options.db ${url}; received string(29)`],
        [
          'a URL with a wrong port',
          { ...good, db: `mysql://u:${canary}@h:x/d` },
          `options.db ${url}; received string(30)`,
        ],
        ['the name of a built-in', { ...good, db: 'constructor:x' }, `options.db ${url}; received string(13)`],
      ],
    },
    {
      title: '5: a port that is none',
      cases: [
        ['0', withDb({ port: 0 }), `${port}; received number`],
        ['65536', withDb({ port: 65_536 }), `${port}; received number`],
        ['-1', withDb({ port: -1 }), `${port}; received number`],
        ['1.5', withDb({ port: 1.5 }), `${port}; received number`],
        ['NaN', withDb({ port: Number.NaN }), `${port}; received NaN`],
        ['empty', withDb({ port: '' }), `${port}; received string(0)`],
        ['3306x', withDb({ port: '3306x' }), `${port}; received string(5)`],
        ['a bigint', withDb({ port: 3306n }), `${port}; received bigint`],
      ],
    },
    {
      title: '6: names that go into SQL',
      cases: [
        ['a statement', withDb({ database: 'a;DROP TABLE x' }), `${database}; received string(14)`],
        ['a backtick', withDb({ database: 'a`b' }), `${database}; received string(3)`],
        ['a quote', withDb({ database: 'a"b' }), `${database}; received string(3)`],
        ['64 characters', withDb({ database: 'a'.repeat(64) }), `${database}; received string(64)`],
        ['empty', withDb({ database: '' }), `${database}; received string(0)`],
        ['a line break', withDb({ database: 'a\n' }), `${database}; received string(2)`],
        ['NUL', withDb({ database: 'a\0' }), `${database}; received string(2)`],
        ['prefix a-b', withDb({ tablePrefix: 'a-b' }), `${prefix}; received string(3)`],
        ['prefix 1a', withDb({ tablePrefix: '1a' }), `${prefix}; received string(2)`],
        ['prefix of 49', withDb({ tablePrefix: 'a'.repeat(49) }), `${prefix}; received string(49)`],
        ['an empty file', withDb({ type: 'sqlite', database: '' }), `${file}; received string(0)`],
        ['a file with NUL', withDb({ type: 'sqlite', database: 'a\0' }), `${file}; received string(2)`],
      ],
    },
    {
      title: '8: brokers that are none',
      cases: [
        ['missing', { db, kafka: {} }, `${brokers}; received undefined`],
        ['empty', withKafka({ brokers: '' }), `${brokers}; received string(0)`],
        ['[]', withKafka({ brokers: [] }), `${brokers}; received array(0)`],
        ['no port', withKafka({ brokers: 'host' }), brokerAt(0, 'string(4)')],
        ['port 0', withKafka({ brokers: 'host:0' }), brokerAt(0, 'string(6)')],
        ['an empty second', withKafka({ brokers: 'a:1,,b:2' }), brokerAt(1, 'string(0)')],
        ['a number', withKafka({ brokers: [9092] }), brokerAt(0, 'number')],
        ['a hole', withKafka({ brokers: holed('a:1', 'b:2') }), brokerAt(1, 'undefined')],
        ['a URL', withKafka({ brokers: 'kafka://a:1' }), brokerAt(0, 'string(11)')],
        [
          'a topic that is none',
          withKafka({ topics: ['a', 'a b'] }),
          `options.kafka.topics[1] ${topic}; received string(3)`,
        ],
        [
          'a hole in topics',
          withKafka({ topics: holed('a', 'b') }),
          `options.kafka.topics[1] ${topic}; received undefined`,
        ],
      ],
    },
    {
      title: '9: a setting of librdkafka that loads code or runs a shell',
      cases: [
        [
          'plugins',
          withSetting({ 'plugin.library.paths': canary }),
          `${setting}.plugin.library.paths is not allowed (loads native code)`,
        ],
        [
          'an engine',
          withSetting({ 'ssl.engine.location': canary }),
          `${setting}.ssl.engine.location is not allowed (loads native code)`,
        ],
        [
          'kinit',
          withSetting({ 'sasl.kerberos.kinit.cmd': canary }),
          `${setting}.sasl.kerberos.kinit.cmd is not allowed (runs a shell)`,
        ],
        [
          'mock brokers',
          withSetting({ 'test.mock.num.brokers': 1 }),
          `${setting}.test.mock.num.brokers is not allowed (replaces the brokers)`,
        ],
      ],
    },
    {
      title: '10: a setting of librdkafka that this library manages',
      cases: [
        [
          'auto commit',
          withSetting({ 'enable.auto.commit': true }),
          `${setting}.enable.auto.commit is managed by this library`,
        ],
        [
          'idempotence',
          withSetting({ 'enable.idempotence': false }),
          `${setting}.enable.idempotence is managed by this library`,
        ],
        ['a password', withSetting({ 'sasl.password': canary }), `${setting}.sasl.password is managed by this library`],
      ],
    },
    {
      title: '11: a setting that librdkafka does not know, in its own words',
      cases: [
        [
          'no.such.key',
          withSetting({ 'no.such.key': canary }),
          `${setting}.no.such.key is refused by librdkafka: No such configuration property: "no.such.key"`,
        ],
        [
          '__proto__',
          withSetting(JSON.parse('{"__proto__":"x"}') as object),
          `${setting}.__proto__ is refused by librdkafka: No such configuration property: "__proto__"`,
        ],
        [
          'an object',
          withSetting({ 'linger.ms': {} }),
          `${setting}.linger.ms must be a string, number or boolean; received object`,
        ],
        [
          'half a character',
          withSetting({ 'client.rack': '\uD800' }),
          `${setting}.client.rack must be valid Unicode without NUL; received string(1)`,
        ],
      ],
    },
    {
      title: '12: a retryCount that is none',
      cases: [
        ['-1', withPolicy({ retryCount: -1 }), `${count}; received number`],
        ['1.5', withPolicy({ retryCount: 1.5 }), `${count}; received number`],
        ['NaN', withPolicy({ retryCount: Number.NaN }), `${count}; received NaN`],
        ['infinite', withPolicy({ retryCount: Infinity }), `${count}; received Infinity`],
        ['text', withPolicy({ retryCount: '10' }), `${count}; received string(2)`],
        ['2³¹', withPolicy({ retryCount: 2 ** 31 }), `${count}; received number`],
        ['no policy at all', withPolicy(canary), `options.policy must be an object; received string(${canary.length})`],
      ],
    },
    {
      title: '13: a backoff that is no boolean',
      cases: [['yes', withPolicy({ backoff: 'yes' }), 'options.policy.backoff must be a boolean; received string(3)']],
    },
    {
      title: '14: a maxDelay that is no duration',
      cases: [
        ['0', withPolicy({ maxDelay: 0 }), `${delay}; received number`],
        ['-1', withPolicy({ maxDelay: -1 }), `${delay}; received number`],
        ['NaN', withPolicy({ maxDelay: Number.NaN }), `${delay}; received NaN`],
        ['soon', withPolicy({ maxDelay: 'soon' }), `${delay}; received string(4)`],
      ],
    },
    {
      title: '15: a rule that is wrong or never fires',
      cases: [
        ['3 fields', { ...good, scheduleRule: '* * *' }, fields(3)],
        ['second 61', { ...good, scheduleRule: '61 * * * * *' }, `${rule} 1`],
        ['month 13', { ...good, scheduleRule: '0 0 1 13 *' }, `${rule} 5`],
        ['empty', { ...good, scheduleRule: '' }, fields(0)],
        ['10 kB', { ...good, scheduleRule: canary.repeat(700) }, fields(1)],
        ['30 February', { ...good, scheduleRule: '0 0 30 2 *' }, 'options.scheduleRule: never fires'],
        [
          'a Date',
          { ...good, scheduleRule: new Date(0) },
          'options.scheduleRule must be a cron expression with 5 or 6 fields; received Date',
        ],
        [
          'a zone that is none',
          { ...good, scheduleRule: '* * * * *', scheduleTimezone: 'Mars/X' },
          'options.scheduleRule needs a scheduleTimezone that is an IANA name',
        ],
      ],
    },
    {
      title: '16: a lease too short to be renewed three times',
      cases: [
        ['0', { ...good, leaseTimeout: 0 }, `${lease} a duration > 0; received number`],
        ['-1', { ...good, leaseTimeout: -1 }, `${lease} a duration > 0; received number`],
        ['2.999 s', { ...good, leaseTimeout: 2_999 }, shortLease],
        ['2s', { ...good, leaseTimeout: '2s' }, shortLease],
      ],
    },
    {
      title: '18: a logger that is none',
      cases: [
        ['text', { ...good, logger: 'x' }, `${logger}; received string(1)`],
        ['true', { ...good, logger: true }, `${logger}; received boolean`],
        ['one method', { ...good, logger: { info: () => undefined } }, `${logger}; received object`],
      ],
    },
    {
      title: '19: options that cannot be read',
      cases: [
        ['db', throwing('db', good), 'options.db could not be read'],
        ['a member of db', { ...good, db: throwing('password', db) }, 'options.db.password could not be read'],
        ['brokers', { ...good, kafka: throwing('brokers', kafka) }, 'options.kafka.brokers could not be read'],
        [
          'a topic',
          withKafka({ topics: Object.defineProperty([], 0, { get: () => throwMine(), enumerable: true }) }),
          'options.kafka.topics could not be read',
        ],
        ['names', new Proxy({ ...good }, { ownKeys: throwMine }), 'options could not be read'],
        ['a revoked list', withKafka({ topics: revokedList }), 'options.kafka.topics could not be read'],
        ['a revoked policy', withPolicy(revoked), 'options.policy must be an object; received object'],
      ],
    },
    {
      title: 'more than the table: a function as partitioner is not there yet, and texts that no store keeps',
      cases: [
        [
          'a function',
          { ...good, partitioner: () => 0 },
          'options.partitioner must be one of 2.x, murmur2_random, fnv1a, crc32; received function',
        ],
        [
          'NUL',
          { ...good, namespace: 'a\0' },
          'options.namespace must be valid Unicode without NUL; received string(2)',
        ],
        [
          'half a character',
          { ...good, groupId: '\uD800' },
          'options.groupId must be valid Unicode without NUL; received string(1)',
        ],
        ['a group too long', { ...good, groupId: 'é'.repeat(128) }, 'options.groupId must be at most 255 bytes'],
      ],
    },
    {
      title: '70: options of another realm',
      cases: [
        ['a Map', runInNewContext('new Map()'), 'db config is required.'],
        ['an array', runInNewContext('[]'), 'options must be an object, received array(0)'],
        [
          'a wrong port',
          { ...good, db: runInNewContext('({ type: "mysql", port: 0 })') as object },
          `${port}; received number`,
        ],
      ],
    },
  ]
}

/** As `JSON.parse` makes it: a property of that name, and no prototype. */
function ownProto(good: object): object {
  return Object.defineProperty({ ...good }, '__proto__', { value: { logLevel: 'debug' }, enumerable: true })
}

function throwMine(): never {
  throw thrown
}

function brokerAt(index: number, received: string): string {
  return `options.kafka.brokers[${index}] must be host:port; received ${received}`
}

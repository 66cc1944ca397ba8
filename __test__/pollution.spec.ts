// What somebody put on every object is no option, no member of a message and no fact of an error. In a process of its
// own, whose `Object.prototype` is polluted before the package is loaded. (`value`, `get` and the like would break every
// property definition of every package, and so are left alone.)
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import test from 'ava'

const run = promisify(execFile)

const polluted = {
  // Options. What is invalid would be refused if it were read; what is valid would act.
  db: 'memory:',
  kafka: { brokers: 'evil:1' },
  logLevel: 'loud',
  shutdownSignals: true,
  namespace: 'evil',
  policy: { retryCount: 0 },
  retryCount: 0,
  backoff: 'yes',
  brokers: 'evil',
  type: 'oracle',
  port: 0,
  tablePrefix: '1;',
  librdkafka: { 'plugin.library.paths': '/evil.so' },
  maxPayloadBytes: 1,
  retention: { dead: 1 },
  scheduleRule: 'never',
  scheduleTimezone: 'Mars/X',
  // Messages and filters.
  groupId: 'evil',
  dataId: 'evil',
  key: 'evil',
  partition: 7,
  offset: '7',
  timestamp: 7,
  failureId: 'ab'.repeat(16),
  error: 'evil',
  all: true,
  limit: 1,
  cursor: 'evil',
  redelivery: 'retryTopic',
  state: 'dead',
  // Errors.
  code: 'KER_EVIL',
  retriable: true,
  outcome: 'unknown',
  cause: 'evil',
  details: { evil: true },
}

const program = `
  for (const [key, value] of Object.entries(${JSON.stringify(polluted)})) {
    Object.defineProperty(Object.prototype, key, { __proto__: null, value, writable: true, configurable: true, enumerable: true })
  }
  const { KafkaErrorHandler } = require('./index.js')
  const said = []
  const facts = (error) => [error.code, error.message, error.retriable, error.outcome ?? null,
    Object.hasOwn(error, 'cause'), Object.hasOwn(error.details ?? {}, 'evil')]
  const refusal = async (call) => {
    try { said.push([await call(), 'accepted']) } catch (error) { said.push(facts(error)) }
  }
  async function main() {
    await refusal(() => KafkaErrorHandler.getInstance({ kafka: { brokers: 'a:1' } }))
    await refusal(() => KafkaErrorHandler.getInstance({ db: 'memory:' }))
    await refusal(() => KafkaErrorHandler.getInstance({ db: 'memory:', kafka: {} }))
    await refusal(() => KafkaErrorHandler.getInstance({ db: {}, kafka: { brokers: 'a:1' } }))
    const handler = KafkaErrorHandler.getInstance({
      db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, connectTimeout: 100, logger: false })
    await refusal(() => handler.pushError({ topic: 'orders', value: 'v' }))
    await handler.initialize()
    await refusal(() => handler.pushError({ topic: 'orders', value: 'v' }))
    await refusal(() => handler.entries.discard({}))
    await handler.pushError([{ topic: 'orders', value: 'v', dataId: 1 }, { topic: 'orders', value: 'v', dataId: 2 }])
    const { entries } = await handler.entries.list()
    const { groupId, namespace, state, redelivery, policy, message, error, retryCount } = entries[0]
    said.push([entries.length, groupId, namespace, state, redelivery, policy.retryCount, policy.backoff, retryCount, error])
    said.push([message.key, message.partition, message.offset, message.timestamp, message.headers.length])
    said.push([await handler.entries.count({ topic: 'orders' }), (await handler.entries.retryNow(entries[0].id)).retried])
    said.push([await handler.notifySuccess({ topic: 'orders', dataId: 2 }).then(({ deleted }) => deleted)])
    await handler.close()
    process.stdout.write(JSON.stringify(said))
  }
  main()`

const config = (message: string) => ['KER_CONFIG', message, false, null, false, false]
const argument = (message: string) => ['KER_ARGUMENT', message, false, null, false, false]

test('whatever stands on Object.prototype, only own members are options, and only the caller’s are a message', async (t) => {
  const { stdout } = await run(process.execPath, ['-e', program], { env: { ...process.env, NODE_OPTIONS: '' } })
  const brokers =
    'options.kafka.brokers must be host:port, several with commas between or in an array; received undefined'
  const kinds = 'options.db.type must be one of mysql, mariadb, postgres, sqlite, memory; received undefined'
  const dataId = 'message.dataId must be a non-empty string up to 255 bytes, an integer or a bigint; received undefined'
  t.deepEqual(JSON.parse(stdout), [
    config('db config is required.'),
    config('kafka config is required.'),
    config(`getInstance: ${brokers}`),
    config(`getInstance: ${kinds}`),
    ['KER_STATE', 'call initialize function first', false, null, false, false],
    argument(`pushError: ${dataId}`),
    argument('entries.discard: refuses to delete everything; pass { all: true }'),
    [2, '', '', 'scheduled', 'original', 10, true, 1, null],
    [null, null, null, null, 0],
    [2, 1],
    [1],
  ])
})

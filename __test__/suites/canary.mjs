// A service that fails in every way it can, with secrets in every option, and prints all it ever hears. The spec reads
// what this process said.
import { createRequire } from 'node:module'
import path from 'node:path'
import process from 'node:process'
import { inspect } from 'node:util'

const require = createRequire(path.resolve('package.json'))
const { KafkaErrorHandler } = require('./index.js')
const native = require('./native.js')
const { key, cert, servers, brokers, name } = JSON.parse(process.argv[2])

const secret = 'CANARY-pw-@:/%?#"\\ä'
const message = {
  topic: name,
  key: 'CANARY-key',
  value: { text: 'CANARY-payload' },
  headers: { 'CANARY-name': 'CANARY-header' },
  error: Object.assign(new Error('CANARY-message'), { code: 'CANARY-code' }),
}

function show(what, value) {
  const all = [
    inspect(value, { depth: 12, showHidden: true, getters: true }),
    safely(() => JSON.stringify(value)),
    String(value),
  ]
  if (value instanceof Error) all.push(value.stack, value.message, String(value.cause), value.cause?.stack)
  process.stdout.write(`${what}: ${all.join('\n')}\n`)
}

function safely(work) {
  try {
    return work()
  } catch (error) {
    return `not as JSON: ${error.message}`
  }
}

const kafka = (further = {}) => ({
  brokers: '127.0.0.1:1',
  ssl: { cert, key, passphrase: 'CANARY-passphrase' },
  sasl: { mechanism: 'scram-sha-256', username: 'alice', password: secret },
  librdkafka: { debug: 'all' },
  ...further,
})

/** One handler through its whole life; each call that fails is shown. */
async function live(title, options, isDelivered = false) {
  let handler
  try {
    handler = new KafkaErrorHandler({
      logLevel: 'debug',
      logger: (line) => show(`${title} log`, line),
      connectTimeout: 1_500,
      pushTimeout: 1_500,
      maxPayloadBytes: 4_096,
      policy: { retryCount: 1, maxDelay: 5 },
      ...options,
    })
  } catch (error) {
    return show(`${title} refused`, error)
  }
  for (const event of ['stored', 'redelivered', 'resolved', 'dead', 'deliveryFailed', 'warning', 'error']) {
    handler.on(event, (happened) => show(`${title} ${event}`, happened))
  }
  handler.on('warning', () => {
    throw new Error('a listener that throws')
  })
  const call = async (what, work) => {
    try {
      show(`${title} ${what}`, await work())
    } catch (error) {
      show(`${title} ${what} failed`, error)
    }
  }
  show(title, handler)
  await call('early', () => handler.pushError({ ...message, dataId: 'early' }))
  await call('initialize', () => handler.initialize())
  await call('push', () => handler.pushError({ ...message, dataId: 'a' }))
  await call('push again', () =>
    handler.pushError([
      { ...message, dataId: 'a' },
      { ...message, dataId: 'b' },
    ]),
  )
  await call('too large', () => handler.pushError({ ...message, dataId: 'c', value: 'CANARY-large'.repeat(1_000) }))
  await call('wrong', () => handler.pushError({ ...message, dataId: { CANARY: 'CANARY-id' }, polcy: 'CANARY-policy' }))
  await call('wrong headers', () => handler.pushError({ ...message, dataId: 'd', headers: [['CANARY-h', 5]] }))
  const forged = { 'x-ker-entry': 'CANARY', 'x-ker-generation': 'CANARY' }
  await call('forged', () => handler.pushError({ ...message, dataId: 'e', headers: forged }))
  await call('sweep', () => handler.sweep())
  if (isDelivered) {
    const delivered = new Promise((resolve) => handler.once('redelivered', resolve))
    await call('task', () => handler.runRetryTask())
    // One more, in case the first were delivered by the sweep before.
    await call('one more', () => handler.pushError({ ...message, dataId: 'm' }))
    await delivered
  }
  await call('stats', () => handler.stats())
  await call('metrics', () => handler.metrics())
  await call('health', () => handler.health())
  await call('filter', () => handler.entries.list({ topicc: 'CANARY-filter' }))
  await call('success', () => handler.notifySuccess({ topic: name, dataId: 'a' }))
  await call('requeue', () => handler.entries.requeue({ all: true }))
  show(title, handler)
  await call('close', () => handler.close())
  await call('late', () => handler.pushError({ ...message, dataId: 'late' }))
  show(title, handler)
  return undefined
}

const wrongUrl = (url) => {
  const { protocol, host } = new URL(url)
  return `${protocol}//nobody:${encodeURIComponent(secret)}@${host}/canary`
}
const patient = { connectTimeout: 15_000, pushTimeout: 15_000 }
const lives = [
  live('memory', { db: 'memory:', kafka: kafka() }),
  live('unreachable', { db: { type: 'mysql', host: '127.0.0.1', port: 1, password: secret }, kafka: kafka() }),
  live('unreachable url', { db: `postgres://u:${encodeURIComponent(secret)}@127.0.0.1:1/x`, kafka: kafka() }),
  live('no url', { db: `mysql://u:${secret}@127.0.0.1:1/x`, kafka: kafka() }),
  live('wrong options', {
    db: { type: 'mysql', password: { CANARY: 'CANARY-object' }, tls: { key: 'CANARY-tls-key' } },
    kafka: kafka({
      sasl: { mechanism: 'CANARY-mechanism', username: '', password: secret },
      librdkafka: { debug: 'CANARY' },
    }),
  }),
  live('wrong key', { db: 'memory:', kafka: kafka({ ssl: { cert, key, passphrase: 'CANARY-wrong' } }) }),
  live('no key', { db: 'memory:', kafka: kafka({ ssl: { cert, key: 'CANARY-no-key' } }) }),
  live('no tls key', {
    db: { type: 'postgres', host: '127.0.0.1', password: secret, tls: { ca: 'CANARY-ca', cert, key: 'CANARY-no-key' } },
    kafka: kafka(),
  }),
  ...servers.flatMap((url) => [
    live(`login ${url.split(':')[0]}`, { ...patient, db: wrongUrl(url), kafka: kafka() }),
    live(
      `full ${url.split(':')[0]}`,
      {
        ...patient,
        db: `${url}/${name}?logging=true`,
        kafka: brokers ? { brokers, topics: [name], librdkafka: { debug: 'all' } } : kafka(),
      },
      brokers !== undefined,
    ),
  ]),
]
await Promise.all(lives)
// Alone: the next call of any handler would panic.
if (native.panicNext) {
  const handler = new KafkaErrorHandler({ db: 'memory:', kafka: kafka(), connectTimeout: 200, logger: false })
  await handler.initialize()
  for (const place of ['call', 'work']) {
    native.panicNext(place)
    await handler.pushError({ ...message, dataId: 'p' }).catch((error) => show(`panic in ${place}`, error))
  }
  await handler.close()
}
process.stderr.write('the end of the story\n')
// What nobody catches is printed by Node itself.
const last = new KafkaErrorHandler({
  db: { type: 'mysql', host: '127.0.0.1', port: 1, password: secret },
  kafka: kafka(),
})
await last.initialize()

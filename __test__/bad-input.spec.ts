// The table of what each bad input gets: the row's number is the name of its test. What holds for every row is in
// `bad-input/refusal.ts`: class, code and whole message, no secret in any text of the error, the input as it was, and a
// handler that does its work afterwards. What is refused as `KER_CONFIG` or `KER_ARGUMENT` has touched no network.
import { randomUUID } from 'node:crypto'

import test, { type ExecutionContext } from 'ava'

import { KafkaErrorHandler, type KafkaRetryError } from '../index.js'
import { lifeStories } from './bad-input/life.js'
import { pushRows, successRows } from './bad-input/messages.js'
import { operatorRows } from './bad-input/operator.js'
import { goodOptions, optionRows, thrown, whole } from './bad-input/options.js'
import { rejects, throws, works } from './bad-input/refusal.js'
import { databaseAt, storeStories } from './bad-input/stores.js'
import { takenStories } from './bad-input/taken.js'
import { Proxy } from './faults/proxy.mjs'
import { service } from './suites/bench.js'

// A store behind a proxy, so that it can be seen whether anything was said to it.
const url = service('KER_TEST_MYSQL_URL')
const namespace = randomUUID()
let handler: KafkaErrorHandler
let proxy: Proxy
// Ports that take every connection and never answer.
let database: Proxy
let kafka: Proxy

test.before(async () => {
  proxy = await Proxy.start({ target: Number(url === undefined ? 1 : new URL(url).port) })
  database = await Proxy.start()
  kafka = await Proxy.start()
  database.blackhole()
  kafka.blackhole()
  const db = url === undefined ? 'memory:' : databaseAt(new URL(url), 'ker-bad-input', proxy)
  handler = new KafkaErrorHandler({ db, kafka: { brokers: '127.0.0.1:1' }, namespace, logger: false })
  await handler.initialize()
})

test.after.always(async () => {
  await handler.close()
  await Promise.all([database.close(), kafka.close(), proxy.close()])
})

/** What the input itself threw is the cause, or what the engine did in its place. */
function cause(t: ExecutionContext, what: string, text: string, error: KafkaRetryError): void {
  if (/revoked|circle|bigint inside/.test(what)) t.false(text.endsWith('read') && !(error.cause instanceof TypeError))
  else if (text.endsWith('could not be read') || what.startsWith('a throwing')) t.is(error.cause, thrown)
}

/** Nothing was said to the database since: each statement has the namespace in it, and the test of an idle connection has 5 bytes. */
function listen(t: ExecutionContext): () => void {
  const { accepted } = proxy
  const { up } = proxy.bytes
  return () => {
    t.is(proxy.accepted, accepted)
    t.true(proxy.bytes.up - up < namespace.length)
  }
}

// The titles are needed before there are ports.
for (const [row, { title }] of optionRows(goodOptions(1, 1)).entries()) {
  test.serial(`row ${title}`, async (t) => {
    const cases = optionRows(goodOptions(database.port, kafka.port))[row]?.cases ?? []
    for (const [what, input, text] of cases) {
      for (const [method, call] of [
        ['getInstance', () => KafkaErrorHandler.getInstance(input as never)],
        ['new KafkaErrorHandler', () => new KafkaErrorHandler(input as never)],
      ] as const) {
        const message = whole.includes(text) ? text : `${method}: ${text}`
        const error = throws(t, { code: 'KER_CONFIG', message }, call, input)
        t.is(error.details?.['method'], method, what)
        t.true(Array.isArray(error.details?.['problems']), what)
        t.is(error.outcome, undefined)
        t.false(error.retriable)
        cause(t, what, text, error)
      }
    }
    await works(t, handler)
    t.deepEqual([database.accepted, kafka.accepted], [0, 0])
  })
}

for (const [method, rows] of [
  ['pushError', pushRows],
  ['notifySuccess', successRows],
] as const) {
  for (const { title, cases } of rows) {
    test.serial(`row ${title}`, async (t) => {
      const saidNothing = listen(t)
      for (const [what, input, text] of cases) {
        const call = () =>
          method === 'pushError' ? handler.pushError(input as never) : handler.notifySuccess(input as never)
        const error = await rejects(t, { code: 'KER_ARGUMENT', message: `${method}: ${text}` }, call, input)
        t.is(error.details?.['method'], method)
        cause(t, what, text, error)
      }
      saidNothing()
      t.is(await handler.entries.count(), 0)
      await works(t, handler)
    })
  }
}

for (const { title, cases } of operatorRows) {
  test.serial(`row ${title}`, async (t) => {
    const saidNothing = listen(t)
    for (const [call, message] of cases) await rejects(t, { code: 'KER_ARGUMENT', message }, () => call(handler))
    saidNothing()
    await works(t, handler)
  })
}

for (const { title, run } of [...lifeStories, ...takenStories, ...storeStories]) test.serial(`row ${title}`, run)

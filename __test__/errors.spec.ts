import test from 'ava'
import { runInNewContext } from 'node:vm'

import { errorCodes, errorOf, KafkaRetryError, StoreError, TimeoutError } from '../dist/errors'
import { fromFault, fromNative } from '../dist/native'

test('every code makes an error of a named subclass that carries it', (t) => {
  for (const code of errorCodes) {
    const error = errorOf(code, 'text')
    t.is(error.code, code)
    t.true(error instanceof KafkaRetryError && error instanceof Error)
    t.regex(error.name, /^[A-Z][A-Za-z]+Error$/)
    t.true(error.stack?.startsWith(`${error.name}: text`) ?? false)
  }
})

test('only what may succeed unchanged later is retriable', (t) => {
  const retriable = errorCodes.filter((code) => errorOf(code, '').retriable)
  t.deepEqual(retriable, ['KER_STORE', 'KER_KAFKA', 'KER_TIMEOUT', 'KER_BUSY'])
})

test('a code of a newer binary is an internal error that names it', (t) => {
  const error = errorOf('KER_FROM_TOMORROW', 'text')
  t.is(error.code, 'KER_INTERNAL')
  t.is(error.message, 'text (KER_FROM_TOMORROW)')
})

test('an error of another copy of the package is recognized, a look-alike is not', (t) => {
  const foreign = runInNewContext('({ [Symbol.for("kafka-error-retry.error")]: true, code: "KER_STORE" })') as unknown
  t.true(KafkaRetryError.is(foreign))
  t.false(KafkaRetryError.is({ code: 'KER_STORE', name: 'StoreError' }))
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  for (const value of [undefined, null, 'KER_STORE', new Error('x'), proxy]) t.false(KafkaRetryError.is(value))
})

test('the JSON of an error has its message and no cause', (t) => {
  const error = errorOf('KER_STORE', 'the store did not answer', { cause: new Error('canary'), outcome: 'unknown' })
  t.deepEqual(JSON.parse(JSON.stringify(error)), {
    name: 'StoreError',
    code: 'KER_STORE',
    message: 'the store did not answer',
    retriable: true,
    outcome: 'unknown',
  })
})

test('a native rejection keeps its facts and gets our class', (t) => {
  const native = Object.assign(new Error('no answer', { cause: new Error('socket closed') }), {
    code: 'KER_TIMEOUT',
    retriable: true,
    outcome: 'unknown',
    details: { failureId: 'ab' },
  })
  const error = fromNative(native)
  t.true(error instanceof TimeoutError)
  t.is(error.message, 'no answer')
  t.is(error.outcome, 'unknown')
  t.deepEqual(error.details, { failureId: 'ab' })
  t.is((error.cause as Error).message, 'socket closed')
})

test('a native error without a code of ours is an internal error', (t) => {
  const error = fromNative(Object.assign(new Error('Expected a string'), { code: 'StringExpected' }))
  t.is(error.code, 'KER_INTERNAL')
  t.is(error.message, 'Expected a string')
  t.is(fromNative('thrown text').code, 'KER_INTERNAL')
})

test('an answer that is an error becomes one with its details and cause', (t) => {
  const details = { failureId: 'cd' }
  const fault = {
    code: 'KER_STORE',
    message: 'gone',
    retriable: true,
    outcome: 'not_done',
    details,
    cause: 'broken pipe',
  }
  const error = fromFault(fault)
  t.true(error instanceof StoreError)
  t.is(error.outcome, 'not_done')
  t.deepEqual(error.details, { failureId: 'cd' })
  t.is((error.cause as Error).message, 'broken pipe')
})

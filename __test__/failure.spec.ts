import test from 'ava'
import fc from 'fast-check'

import { toFailure } from '../dist/failure'

test('an error keeps its class, message, code and stack', (t) => {
  const error = Object.assign(new TypeError('bad row'), { code: 'E_ROW' })
  t.deepEqual(toFailure(error), { class: 'TypeError', message: 'bad row', code: 'E_ROW', stack: error.stack ?? null })
})

test('no error given is no failure', (t) => {
  t.is(toFailure(undefined), null)
})

test('a thrown null is a failure', (t) => {
  t.deepEqual(toFailure(null), { class: 'null', message: 'null', code: null, stack: null })
})

test('a thrown string is its own message', (t) => {
  t.deepEqual(toFailure('boom'), { class: 'string', message: 'boom', code: null, stack: null })
})

test('the code is found through causes and aggregates', (t) => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  const wrapped = new Error('request failed', {
    cause: new AggregateError([new Error('other'), refused], 'all failed'),
  })
  t.is(toFailure(wrapped)?.code, 'ECONNREFUSED')
})

test('a circle of causes ends', (t) => {
  const a = new Error('a')
  a.cause = new Error('b', { cause: a })
  t.is(toFailure(a)?.code, null)
})

test('a revoked proxy has an answer', (t) => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  t.deepEqual(toFailure(proxy), {
    class: 'Object',
    message: 'a thrown object without a message',
    code: null,
    stack: null,
  })
})

test('getters that throw are passed over', (t) => {
  const hostile = new Proxy(new Error('x'), {
    get() {
      throw new Error('no')
    },
  })
  t.is(toFailure(hostile)?.class, 'Object')
})

test('a long message and stack are cut to 8 and 16 KiB between characters', (t) => {
  const error = new Error('😀'.repeat(10_000))
  error.stack = `a${'中'.repeat(20_000)}`
  const failure = toFailure(error)
  t.is(Buffer.byteLength(failure?.message ?? ''), 8 * 1024)
  const stack = failure?.stack ?? ''
  t.true(Buffer.byteLength(stack) <= 16 * 1024 && Buffer.byteLength(stack) > 16 * 1024 - 3)
  t.false(stack.includes('\uFFFD'))
})

test('what a database refuses in text is replaced', (t) => {
  t.is(toFailure(new Error('a\0b'))?.message, 'a\uFFFDb')
  t.is(toFailure(new Error('a\uD800b'))?.message, 'a\uFFFDb')
})

test('whatever is thrown, the failure is plain text of bounded size', (t) => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
      const failure = toFailure(thrown)
      if (failure === null) return thrown === undefined
      const { class: name, message, code, stack } = failure
      return [name, message, code ?? '', stack ?? ''].every((text) => typeof text === 'string' && text.length <= 16_384)
    }),
  )
  t.pass()
})

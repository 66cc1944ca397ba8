import test from 'ava'

import { BusyError } from '../dist/errors.js'
import type { NativeFailure, NativeSuccess } from '../dist/native'
import { Outbox } from '../dist/outbox'

function setup() {
  const calls: string[] = []
  const outbox = new Outbox({
    push: (items) => {
      calls.push(`push ${items.map(({ dataId }) => dataId).join(' ')}`)
      return Promise.resolve(items.map(({ dataId }) => ({ pushed: { id: dataId } }) as never))
    },
    resolve: (items) => {
      calls.push(`resolve ${items.map(({ dataId }) => dataId).join(' ')}`)
      return Promise.resolve(items.map(() => ({ resolved: { deleted: 1, reason: null } })))
    },
  })
  return { outbox, calls }
}

const busy = () => Promise.reject(new BusyError('KER_BUSY', 'busy', { outcome: 'not_done' }))
const failure = (dataId: string) => ({ dataId }) as NativeFailure
const success = (dataId: string) => ({ dataId }) as NativeSuccess

test('failures of one turn cross together and each gets its own answer', async (t) => {
  const { outbox, calls } = setup()
  const answers = await Promise.all(['1', '2', '3'].map((id) => outbox.push(failure(id))))
  t.deepEqual(calls, ['push 1 2 3'])
  t.deepEqual(
    answers.map((answer) => ('pushed' in answer ? answer.pushed.id : undefined)),
    ['1', '2', '3'],
  )
})

test('a failure that was pushed before a success crosses first, and one after it after', async (t) => {
  const { outbox, calls } = setup()
  await Promise.all([
    outbox.push(failure('1')),
    outbox.push(failure('2')),
    outbox.resolve(success('1')),
    outbox.push(failure('1')),
  ])
  t.deepEqual(calls, ['push 1 2', 'resolve 1', 'push 1'])
})

test('an array crosses at once, after what waits', async (t) => {
  const { outbox, calls } = setup()
  const single = outbox.push(failure('1'))
  const array = outbox.pushAll([failure('2'), failure('3')])
  t.deepEqual(calls, ['push 1', 'push 2 3'])
  await Promise.all([single, array])
  t.is(calls.length, 2)
})

test('calls of different turns cross one by one', async (t) => {
  const { outbox, calls } = setup()
  await outbox.push(failure('1'))
  await outbox.push(failure('2'))
  t.deepEqual(calls, ['push 1', 'push 2'])
})

test('a turn with many calls is cut, so that they are answered as they are done', async (t) => {
  const { outbox, calls } = setup()
  await Promise.all(Array.from({ length: 70 }, (_, index) => outbox.push(failure(String(index)))))
  t.deepEqual(
    calls.map((call) => call.split(' ').length - 1),
    [32, 32, 6],
  )
})

test('the callers who continue together after an answer are joined again', async (t) => {
  const { outbox, calls } = setup()
  const caller = async (id: string) => {
    await outbox.push(failure(id))
    await outbox.push(failure(id))
  }
  await Promise.all(['1', '2', '3'].map(caller))
  t.deepEqual(calls, ['push 1 2 3', 'push 1 2 3'])
})

test('a call that fails as a whole rejects everybody who waits for it, each with an error of its own', async (t) => {
  const outbox = new Outbox({ push: busy, resolve: busy })
  const firstCaller = async () => outbox.push(failure('1'))
  const first = firstCaller().catch((error: unknown) => error as BusyError)
  const second = outbox.push(failure('2')).catch((error: unknown) => error as BusyError)
  const errors = [await first, await second]
  for (const error of errors) t.like(error, { code: 'KER_BUSY', message: 'busy', retriable: true, outcome: 'not_done' })
  t.not(errors[0], errors[1])
})

import test from 'ava'
import { setImmediate } from 'node:timers/promises'

import { HandlerError, KafkaRetryError } from '../dist/errors'
import { Events } from '../dist/events'

interface Map {
  moved: { by: number }
  error: unknown
}

function setup(): { events: Events<Map>; unheard: unknown[] } {
  const unheard: unknown[] = []
  return { events: new Events<Map>(['moved', 'error'], (error) => unheard.push(error)), unheard }
}

test('listeners are called in the order of their registration', (t) => {
  const { events } = setup()
  const calls: string[] = []
  events.on('moved', ({ by }) => calls.push(`a${by}`))
  events.on('moved', ({ by }) => calls.push(`b${by}`))
  events.emit('moved', { by: 1 })
  t.deepEqual(calls, ['a1', 'b1'])
})

test('a listener that is removed is not called again', (t) => {
  const { events } = setup()
  const calls: number[] = []
  const listener = ({ by }: { by: number }) => calls.push(by)
  events.on('moved', listener)
  events.emit('moved', { by: 1 })
  events.off('moved', listener)
  events.emit('moved', { by: 2 })
  t.deepEqual(calls, [1])
})

test('a once listener is called once, also when it emits the event itself', (t) => {
  const { events } = setup()
  const calls: number[] = []
  events.once('moved', ({ by }) => {
    calls.push(by)
    events.emit('moved', { by: by + 1 })
  })
  events.on('moved', () => undefined)
  events.emit('moved', { by: 1 })
  t.deepEqual(calls, [1])
})

test('a once listener can be removed before the event', (t) => {
  const { events } = setup()
  const listener = () => t.fail()
  events.once('moved', listener)
  events.off('moved', listener)
  events.emit('moved', { by: 1 })
  t.pass()
})

test('a listener that throws becomes an error event and the others are called', (t) => {
  const { events } = setup()
  const errors: unknown[] = []
  const calls: number[] = []
  const thrown = new Error('mine')
  events.on('error', (error) => errors.push(error))
  events.on('moved', () => {
    throw thrown
  })
  events.on('moved', ({ by }) => calls.push(by))
  events.emit('moved', { by: 1 })
  t.deepEqual(calls, [1])
  t.is(errors.length, 1)
  t.true(errors[0] instanceof HandlerError)
  t.is((errors[0] as KafkaRetryError).cause, thrown)
})

test('a listener whose promise rejects becomes an error event', async (t) => {
  const { events } = setup()
  const errors: unknown[] = []
  events.on('error', (error) => errors.push(error))
  events.on('moved', () => Promise.reject(new Error('later')))
  events.emit('moved', { by: 1 })
  await setImmediate()
  t.is((errors[0] as KafkaRetryError).code, 'KER_HANDLER')
})

test('an error event without a listener goes to the log and is not thrown', (t) => {
  const { events, unheard } = setup()
  events.emit('error', 'lost')
  t.deepEqual(unheard, ['lost'])
})

test('an error listener that throws goes to the log and does not hear of itself', (t) => {
  const { events, unheard } = setup()
  let calls = 0
  events.on('error', () => {
    calls += 1
    throw new Error('again')
  })
  events.emit('error', 'first')
  t.is(calls, 1)
  t.is((unheard[0] as KafkaRetryError).code, 'KER_HANDLER')
})

test('an unknown event and a listener that is no function are refused', (t) => {
  const { events } = setup()
  t.throws(() => events.on('toString' as 'moved', () => undefined), {
    code: 'KER_ARGUMENT',
    message: 'on: event must be one of moved, error; received string(8)',
  })
  t.throws(() => events.once('moved', null as never), {
    code: 'KER_ARGUMENT',
    message: 'once: listener must be a function; received null',
  })
})

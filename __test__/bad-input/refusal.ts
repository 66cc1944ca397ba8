// What holds for every refusal, whatever was refused.
import { inspect } from 'node:util'

import type { ExecutionContext } from 'ava'

import * as errors from '../../index.js'
import type { KafkaErrorHandler, KafkaRetryError } from '../../index.js'

/** What may stand in no error: it is the password of the options and a part of every payload. */
export const canary = 'hunter2-canary'

const classes = {
  KER_CONFIG: errors.ConfigError,
  KER_ARGUMENT: errors.ArgumentError,
  KER_TOO_LARGE: errors.ArgumentError,
  KER_STATE: errors.StateError,
  KER_CLOSED: errors.StateError,
  KER_STORE: errors.StoreError,
  KER_STORE_AUTH: errors.StoreError,
  KER_STORE_PRIVILEGE: errors.StoreError,
  KER_STORE_VERSION: errors.StoreError,
  KER_SCHEMA_NEWER: errors.StoreError,
  KER_NOT_DURABLE: errors.StoreError,
  KER_KAFKA: errors.KafkaError,
  KER_BUSY: errors.BusyError,
  KER_TIMEOUT: errors.TimeoutError,
  KER_BINARY: errors.LoadError,
}

/** The code of a refusal and its whole message. */
export interface Refusal {
  code: keyof typeof classes
  message: string
}

/** An exception of a synchronous method. It names no secret, and `input` is as it was. */
export function throws(t: ExecutionContext, refusal: Refusal, call: () => unknown, input?: unknown): KafkaRetryError {
  const before = shown(input)
  const error = t.throws<KafkaRetryError>(call, { ...expected(refusal) }, before)
  return looked(t, error, input, before)
}

/** A rejection of an asynchronous method, which never throws. It names no secret, and `input` is as it was. */
export async function rejects(
  t: ExecutionContext,
  refusal: Refusal,
  call: () => Promise<unknown>,
  input?: unknown,
): Promise<KafkaRetryError> {
  const before = shown(input)
  // Called outside of the assertion: an exception instead of a rejection would fail the test.
  const promise = call()
  const error = await t.throwsAsync<KafkaRetryError>(promise, { ...expected(refusal) }, before)
  return looked(t, error, input, before)
}

/** The handler does its work: what it must do after every refusal. */
export async function works(t: ExecutionContext, handler: KafkaErrorHandler): Promise<void> {
  const message = { topic: 'still-works', dataId: 'x', value: 'v' }
  t.is((await handler.pushError(message)).retryCount, 1)
  t.deepEqual(await handler.notifySuccess(message), { deleted: 1 })
}

function expected({ code, message }: Refusal) {
  return { instanceOf: classes[code], code, message }
}

function looked(t: ExecutionContext, error: KafkaRetryError | undefined, input: unknown, before: string) {
  if (error === undefined) throw new Error(`accepted: ${before}`)
  t.is(shown(input), before, 'the input is as it was')
  for (const text of [error.message, JSON.stringify(error), error.stack ?? '', inspect(error, { depth: 9 })]) {
    t.false(text.includes(canary), text)
  }
  return error
}

/** Everything that can be seen of a value without calling its getters. */
function shown(value: unknown): string {
  return inspect(value, { depth: 9, showHidden: true, maxArrayLength: 300, maxStringLength: 2_000 })
}

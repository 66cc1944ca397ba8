/**
 * The single door to the native half. Its types are written here by hand, so that this layer compiles without the
 * generated file; every call goes through `crossing` once, so that users catch our classes with a JavaScript stack.
 * The binary is loaded at the first use and not before: the error classes must work without it.
 *
 * `null` is an absent value on this border, never `undefined`: an `undefined` here is always a bug.
 */
import { isMainThread } from 'node:worker_threads'

import { failureBatch, successBatch, type PackedBatch } from './batch'
import { loadFailure } from './binary'
import { errorOf, InternalError, KafkaRetryError, type Outcome } from './errors'

/** One header, in the order of the record. */
export interface NativeHeader {
  name: string
  value: Uint8Array | null
}

/** A record's bytes and coordinates. The offset is decimal text, the timestamp epoch milliseconds. */
export interface NativeMessage {
  topic: string
  key: Uint8Array | null
  value: Uint8Array | null
  headers: NativeHeader[]
  partition: number | null
  offset: string | null
  timestamp: number | null
}

/** A thrown value, translated before it crosses. */
export interface NativeError {
  class: string
  message: string
  code: string | null
  stack: string | null
}

/** One failure to store. `dataId` null means the default id, `policy` null the handler's. */
export interface NativeFailure {
  groupId: string
  dataId: string | null
  message: NativeMessage
  policy: string | null
  error: NativeError | null
  failureId: string | null
}

/** An error as plain data, where one of many answers is an error. */
export interface NativeFault {
  code: string
  message: string
  retriable: boolean
  outcome: string | null
  details: Record<string, unknown> | null
  cause: string | null
}

/** The answer to one failure. */
export type NativePushAnswer =
  | { pushed: { id: string; retryCount: number; dueAt: number; state: string; failureId: string } }
  | { error: NativeFault }

/** One success to record. */
export interface NativeSuccess {
  groupId: string
  topic: string
  dataId: string
  headers: NativeHeader[] | null
}

/** The answer to one success. */
export type NativeResolveAnswer = { resolved: { deleted: number; reason: string | null } } | { error: NativeFault }

/** One stored entry. `policy` is JSON, instants are epoch milliseconds. */
export interface NativeEntry {
  id: string
  namespace: string
  groupId: string
  topic: string
  dataId: string
  life: string
  state: string
  reason: string
  retryCount: number
  generation: string
  dueAt: number
  policy: string
  redelivery: string
  message: NativeMessage
  error: NativeError | null
  firstFailedAt: number
  lastFailedAt: number
}

/** What an operator may do to entries. */
export type NativeOperation = 'requeue' | 'retryNow' | 'hold' | 'discard' | 'purge'

/** The native half of one handler. */
export interface NativeHandler {
  onWake(wake: () => void): void
  hear(event: string, isHeard: boolean): void
  drain(): string
  initialize(): Promise<void>
  push(failures: NativeFailure[]): Promise<NativePushAnswer[]>
  resolve(successes: NativeSuccess[]): Promise<NativeResolveAnswer[]>
  startSweeps(): Promise<void>
  stopSweeps(): Promise<void>
  sweep(): Promise<string>
  adopt(spent: boolean, dryRun: boolean): Promise<string>
  plan(): Promise<string>
  stats(): Promise<string>
  health(): Promise<string>
  get(id: string): Promise<NativeEntry | null>
  list(filter: string, limit: number, cursor: string | null): Promise<{ entries: NativeEntry[]; cursor: string | null }>
  count(filter: string): Promise<number>
  operate(operation: NativeOperation, filter: string, redelivery: string | null): Promise<number>
  setPaused(topic: string, paused: boolean): Promise<void>
  close(): Promise<string>
}

interface NativeModule {
  Handler: new (
    options: string,
    endsWithThread: boolean,
  ) => Omit<NativeHandler, 'push' | 'resolve'> & Record<'push' | 'resolve', (...batch: PackedBatch) => Promise<string>>
  checkOptions(options: string): string
  errorCodes(): string[]
}

let loaded: NativeModule | undefined

function load(): NativeModule {
  if (loaded === undefined) {
    try {
      loaded = require('../native.js') as NativeModule
    } catch (error) {
      throw loadFailure(error)
    }
  }
  return loaded
}

/** The problems that the native half sees in normalized options, as JSON. No I/O. */
export function checkOptions(options: string): string {
  const native = load()
  return crossed(() => native.checkOptions(options))
}

/** The codes that the binary knows. */
export function nativeErrorCodes(): string[] {
  const native = load()
  return crossed(() => native.errorCodes())
}

/** Makes the native half of a handler and wraps each of its calls. */
export function openHandler(options: string): NativeHandler {
  const { Handler } = load()
  // A worker may be terminated and runs nothing then that could close.
  const native = crossed(() => new Handler(options, !isMainThread))
  return {
    onWake: (wake) => crossed(() => native.onWake(wake)),
    hear: (event, isHeard) => crossed(() => native.hear(event, isHeard)),
    drain: () => crossed(() => native.drain()),
    initialize: () => crossing(() => native.initialize()),
    push: async (failures) => answers(await crossing(() => native.push(...failureBatch(failures)))),
    resolve: async (successes) => answers(await crossing(() => native.resolve(...successBatch(successes)))),
    startSweeps: () => crossing(() => native.startSweeps()),
    stopSweeps: () => crossing(() => native.stopSweeps()),
    sweep: () => crossing(() => native.sweep()),
    adopt: (spent, dryRun) => crossing(() => native.adopt(spent, dryRun)),
    plan: () => crossing(() => native.plan()),
    stats: () => crossing(() => native.stats()),
    health: () => crossing(() => native.health()),
    get: (id) => crossing(() => native.get(id)),
    list: (filter, limit, cursor) => crossing(() => native.list(filter, limit, cursor)),
    count: (filter) => crossing(() => native.count(filter)),
    operate: (operation, filter, redelivery) => crossing(() => native.operate(operation, filter, redelivery)),
    setPaused: (topic, paused) => crossing(() => native.setPaused(topic, paused)),
    close: () => crossing(() => native.close()),
  }
}

function answers<Answer>(json: string): Answer[] {
  return JSON.parse(json) as Answer[]
}

function crossed<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
  }
}

// The call runs before the first `await`: bytes are copied, and the order of calls is fixed, when this returns.
async function crossing<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fromNative(error)
  }
}

/** A native rejection as one of our classes. What has no code of ours is a bug, such as an argument of a wrong type. */
export function fromNative(error: unknown): KafkaRetryError {
  if (error instanceof KafkaRetryError) return error
  if (!(error instanceof Error))
    return new InternalError('KER_INTERNAL', 'the native half threw no error', { cause: error })
  const { code, retriable, outcome, details } = error as Error & Partial<Record<string, unknown>>
  if (typeof code !== 'string' || !code.startsWith('KER_')) {
    return new InternalError('KER_INTERNAL', error.message, { cause: error })
  }
  return errorOf(code, error.message, {
    retriable: typeof retriable === 'boolean' ? retriable : undefined,
    outcome: outcomeOf(outcome),
    details: typeof details === 'object' && details !== null ? { ...details } : undefined,
    cause: error.cause ?? undefined,
  })
}

/** One answer of many as one of our classes, with the stack of whoever asked. */
export function fromFault(fault: NativeFault): KafkaRetryError {
  return errorOf(fault.code, fault.message, {
    retriable: fault.retriable,
    outcome: outcomeOf(fault.outcome),
    details: fault.details ?? undefined,
    cause: fault.cause === null ? undefined : new Error(fault.cause),
  })
}

function outcomeOf(outcome: unknown): Outcome | undefined {
  return outcome === 'not_done' || outcome === 'unknown' ? outcome : undefined
}

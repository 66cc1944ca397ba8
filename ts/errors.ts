/**
 * What users catch. One base class with a stable `code`, one subclass per area, and one table from code to class that
 * the compiler keeps complete. Nothing here needs the native binary: a failed load must still be able to say so.
 */

/** What became of an operation whose call failed: surely not done, or perhaps done. */
export type Outcome = 'not_done' | 'unknown'

/** The stable code of an error. Branch on it rather than on the message. */
export type ErrorCode =
  | 'KER_CONFIG'
  | 'KER_ARGUMENT'
  | 'KER_TOO_LARGE'
  | 'KER_STATE'
  | 'KER_CLOSED'
  | 'KER_NOT_ASSIGNED'
  | 'KER_STORE'
  | 'KER_STORE_AUTH'
  | 'KER_STORE_PRIVILEGE'
  | 'KER_STORE_VERSION'
  | 'KER_SCHEMA_NEWER'
  | 'KER_NOT_DURABLE'
  | 'KER_KAFKA'
  | 'KER_KAFKA_AUTH'
  | 'KER_SEND'
  | 'KER_COMPACTED'
  | 'KER_TIMEOUT'
  | 'KER_BUSY'
  | 'KER_HANDLER'
  | 'KER_INTERNAL'
  | 'KER_BINARY'

/** Everything about an error except its code and its text. */
export interface ErrorFacts {
  /** Whether the same call, unchanged, may succeed later. Default: what the code says. */
  retriable?: boolean | undefined
  /** What became of the operation. Default: nothing happened that could be in doubt. */
  outcome?: Outcome | undefined
  /** The error or thrown value behind this one. */
  cause?: unknown
  /** Plain data for programs. Never holds a payload or a secret. */
  details?: Readonly<Record<string, unknown>> | undefined
}

// Registered, so that two copies of the package and two realms agree on what is one of these errors.
const brand = Symbol.for('kafka-error-retry.error')

/** The base of every error that this package throws or rejects with. */
export class KafkaRetryError extends Error {
  static {
    name(this, 'KafkaRetryError')
    Object.defineProperty(this.prototype, brand, { value: true })
  }

  /** The stable code, such as `KER_STORE`. */
  readonly code: ErrorCode
  /** Whether the same call, unchanged, may succeed later. */
  readonly retriable: boolean
  /** `'not_done'` or `'unknown'` where something may have happened, else `undefined`. */
  readonly outcome: Outcome | undefined
  /** Plain data for programs, such as `{ size, limit }`. Never holds a payload or a secret. */
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    const cause = own(facts, 'cause')
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retriable = own(facts, 'retriable') ?? areas[code].retriable
    this.outcome = own(facts, 'outcome')
    this.details = own(facts, 'details')
  }

  /** Whether `value` is one of these errors, also one of another copy of this package or of another realm. */
  static is(value: unknown): value is KafkaRetryError {
    try {
      return typeof value === 'object' && value !== null && brand in value
    } catch {
      // A revoked proxy throws at every question asked of it.
      return false
    }
  }

  /** What a JSON log line shows: no cause, which may be anything that user code threw. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, retriable, outcome, details } = this
    return { name, code, message, retriable, outcome, details }
  }
}

/** `KER_CONFIG`: an options object cannot work; `details.problems` has every problem as `{ path, expected, received }`. */
export class ConfigError extends KafkaRetryError {
  static {
    name(this, 'ConfigError')
  }
}

/** `KER_ARGUMENT`, `KER_TOO_LARGE`: an argument of one call is wrong. Nothing was sent or stored. */
export class ArgumentError extends KafkaRetryError {
  static {
    name(this, 'ArgumentError')
  }
}

/** `KER_STATE`, `KER_CLOSED`, `KER_NOT_ASSIGNED`: the call is not allowed now. */
export class StateError extends KafkaRetryError {
  static {
    name(this, 'StateError')
  }
}

/** `KER_STORE…`, `KER_SCHEMA_NEWER`, `KER_NOT_DURABLE`: the database. */
export class StoreError extends KafkaRetryError {
  static {
    name(this, 'StoreError')
  }
}

/** `KER_KAFKA`, `KER_KAFKA_AUTH`, `KER_SEND`, `KER_COMPACTED`: the brokers; `details` has librdkafka's code name. */
export class KafkaError extends KafkaRetryError {
  static {
    name(this, 'KafkaError')
  }
}

/** `KER_TIMEOUT`: a deadline of this library passed. */
export class TimeoutError extends KafkaRetryError {
  static {
    name(this, 'TimeoutError')
  }
}

/** `KER_BUSY`: more than `maxPending` calls are waiting. Always `not_done`. */
export class BusyError extends KafkaRetryError {
  static {
    name(this, 'BusyError')
  }
}

/** `KER_HANDLER`: wraps what user code threw (a listener, a logger); `cause` is the thrown value. */
export class HandlerError extends KafkaRetryError {
  static {
    name(this, 'HandlerError')
  }
}

/** `KER_INTERNAL`: a bug of this library. Please report it. */
export class InternalError extends KafkaRetryError {
  static {
    name(this, 'InternalError')
  }
}

/** `KER_BINARY`: there is no native binary for this platform, or it does not load. */
export class LoadError extends KafkaRetryError {
  static {
    name(this, 'LoadError')
  }
}

type ErrorClass = new (code: ErrorCode, message: string, facts?: ErrorFacts) => KafkaRetryError

const areas: Record<ErrorCode, { class: ErrorClass; retriable: boolean }> = {
  KER_CONFIG: { class: ConfigError, retriable: false },
  KER_ARGUMENT: { class: ArgumentError, retriable: false },
  KER_TOO_LARGE: { class: ArgumentError, retriable: false },
  KER_STATE: { class: StateError, retriable: false },
  KER_CLOSED: { class: StateError, retriable: false },
  KER_NOT_ASSIGNED: { class: StateError, retriable: false },
  KER_STORE: { class: StoreError, retriable: true },
  KER_STORE_AUTH: { class: StoreError, retriable: false },
  KER_STORE_PRIVILEGE: { class: StoreError, retriable: false },
  KER_STORE_VERSION: { class: StoreError, retriable: false },
  KER_SCHEMA_NEWER: { class: StoreError, retriable: false },
  KER_NOT_DURABLE: { class: StoreError, retriable: false },
  KER_KAFKA: { class: KafkaError, retriable: true },
  KER_KAFKA_AUTH: { class: KafkaError, retriable: false },
  KER_SEND: { class: KafkaError, retriable: false },
  KER_COMPACTED: { class: KafkaError, retriable: false },
  KER_TIMEOUT: { class: TimeoutError, retriable: true },
  KER_BUSY: { class: BusyError, retriable: true },
  KER_HANDLER: { class: HandlerError, retriable: false },
  KER_INTERNAL: { class: InternalError, retriable: false },
  KER_BINARY: { class: LoadError, retriable: false },
}

/** Every code there is, in the order of the documentation. */
export const errorCodes = Object.keys(areas) as readonly ErrorCode[]

/** Makes the error of the class that belongs to `code`. A code of a newer binary becomes an `InternalError`. */
export function errorOf(code: string, message: string, facts: ErrorFacts = {}): KafkaRetryError {
  if (!Object.hasOwn(areas, code)) {
    return new InternalError('KER_INTERNAL', `${message} (${code})`, facts)
  }
  const known = code as ErrorCode
  return new areas[known].class(known, message, facts)
}

/** The error of a method whose `this` is no object of its class, as after `const { pushError } = handler`. */
export function wrongReceiver(method: string): StateError {
  return new StateError('KER_STATE', `${method}: called on a wrong receiver`, { details: { method } })
}

// What somebody put on every object is no fact of an error.
function own<Key extends keyof ErrorFacts>(facts: ErrorFacts, key: Key): ErrorFacts[Key] | undefined {
  return Object.hasOwn(facts, key) ? facts[key] : undefined
}

// The name is data, since a bundler that minifies renames classes; it is no own property, or each log would show it twice.
function name(type: { prototype: Error }, value: string): void {
  Object.defineProperty(type.prototype, 'name', { value, configurable: true, writable: true })
}

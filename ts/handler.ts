/**
 * `KafkaErrorHandler`: the public face of the retry store. Each method checks, converts and makes one native call.
 */
import { readAdoption, type AdoptionOptions, type AdoptionReport } from './adoption'
import { allAnswers, resolvedMessage, storedFailure } from './answers'
import type { AnswerOf, ResolvedMessage, StoredFailure } from './answers'
import { readAll, readFailure, readOne, readSuccess, type FailedMessage, type HandledMessage } from './arguments'
import { difference } from './difference'
import { Entries } from './entries'
import { StateError, wrongReceiver } from './errors'
import type { Listener } from './events'
import type { HandlerEvents } from './handler-events'
import type { HandlerOptions } from './handler-options'
import { topicOf } from './identity'
import { prepareOptions, PreparedOptions } from './options'
import { Place } from './place'
import { render } from './prometheus'
import { Session } from './session'
import { downHealth, type HandlerHealth, type HandlerStats, type SweepReport } from './stats'

const { version } = require('../package.json') as { version: string }

/**
 * Stores messages whose handling failed, delivers them again by policy, and forgets them on success.
 *
 * Asynchronous methods reject with a `KafkaRetryError` and never throw; `getInstance`, `new`, `on`, `once` and `off` throw
 * it. Before `initialize()` they answer `KER_STATE` “call initialize function first” (2.x), after `close()` `KER_CLOSED`.
 */
export class KafkaErrorHandler implements AsyncDisposable {
  static #instance: KafkaErrorHandler | undefined

  readonly #session: Session
  readonly #entries: Entries

  /**
   * Makes a further handler, beside the one of `getInstance` (2.x had only that).
   *
   * @throws `ConfigError` (`KER_CONFIG`) with every problem of `options`; `LoadError` (`KER_BINARY`).
   */
  constructor(options: HandlerOptions) {
    const given: unknown = options
    const prepared = PreparedOptions.is(given) ? given : prepareOptions('new KafkaErrorHandler', given)
    this.#session = new Session(prepared, () => {
      if (KafkaErrorHandler.#instance === this) KafkaErrorHandler.#instance = undefined
    })
    this.#entries = new Entries(this.#session)
  }

  /**
   * The one handler of the process (2.x). Equal options, functions aside, or none give the same object again; its
   * `close()` makes room for a new one.
   *
   * @throws `KER_CONFIG` with every problem of `options`; `KER_STATE` when it exists with different ones; `KER_BINARY`.
   */
  static getInstance(options?: HandlerOptions): KafkaErrorHandler {
    const existing = KafkaErrorHandler.#instance
    if (options === undefined && existing !== undefined) return existing
    const prepared = prepareOptions('getInstance', options)
    if (existing === undefined) {
      KafkaErrorHandler.#instance = new KafkaErrorHandler(prepared as unknown as HandlerOptions)
      return KafkaErrorHandler.#instance
    }
    const path = difference(existing.#session.options.normalized, prepared.normalized)
    if (path === undefined) return existing
    const message = `getInstance: already created with different options (${path})`
    throw new StateError('KER_STATE', message, { details: { method: 'getInstance', path } })
  }

  /** The stored entries: look at them, requeue, discard, purge. */
  get entries(): Entries {
    KafkaErrorHandler.#of(this, 'entries')
    return this.#entries
  }

  /**
   * Connects, makes database, tables and topics that are missing. Calls share one
   * initialization; after a failure, which closes what was opened, it may be called again.
   *
   * Rejects with `KER_STORE…`, `KER_SCHEMA_NEWER`, `KER_NOT_DURABLE`, and with `requireKafka` also `KER_KAFKA…`.
   */
  initialize(): Promise<void> {
    try {
      return KafkaErrorHandler.#of(this, 'initialize').initialize()
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** Starts delivering what is due (2.x), and keeps the process alive. Running already, it resolves. */
  async runRetryTask(): Promise<void> {
    await KafkaErrorHandler.#of(this, 'runRetryTask').ready('runRetryTask').startSweeps()
  }

  /** Stops what `runRetryTask()` started; a sweep that runs ends first. Not running, it resolves. */
  async stopRetryTask(): Promise<void> {
    await KafkaErrorHandler.#of(this, 'stopRetryTask').stopSweeps()
  }

  /** Makes one pass over what is due now, for schedulers of your own. During a sweep it waits, then makes its own. */
  async sweep(): Promise<SweepReport> {
    const { native } = KafkaErrorHandler.#of(this, 'sweep').ready('sweep')
    return JSON.parse(await native.sweep()) as SweepReport
  }

  /**
   * Stores a failed message durably (2.x), or an array of them with one answer each, in order. Repeating a call is safe
   * when its error's `details.failureId` is given again.
   *
   * Rejects with `KER_ARGUMENT` and `KER_TOO_LARGE`, when nothing was stored, `KER_BUSY` (`maxPending`), `KER_STORE`,
   * `KER_TIMEOUT` (`pushTimeout`).
   */
  pushError(message: FailedMessage): Promise<StoredFailure>
  pushError(messages: readonly FailedMessage[]): Promise<AnswerOf<StoredFailure>[]>
  async pushError(messages: unknown): Promise<StoredFailure | AnswerOf<StoredFailure>[]> {
    const { outbox, groupId } = KafkaErrorHandler.#of(this, 'pushError').ready('pushError')
    if (isArray(messages)) {
      const failures = readAll(messages, 'pushError', readFailure(groupId, 'borrowed'))
      return failures.length === 0 ? [] : allAnswers(await outbox.pushAll(failures), storedFailure)
    }
    const failure = readOne(messages, 'pushError', readFailure(groupId, 'copied'))
    return storedFailure(await outbox.push(failure))
  }

  /**
   * Deletes the entry of a message that was handled (2.x), or those of an array, with one answer each, in order. Unknown
   * and repeated ones resolve with `{ deleted: 0 }`.
   *
   * Rejects as `pushError` does.
   */
  notifySuccess(message: HandledMessage): Promise<ResolvedMessage>
  notifySuccess(messages: readonly HandledMessage[]): Promise<AnswerOf<ResolvedMessage>[]>
  async notifySuccess(messages: unknown): Promise<ResolvedMessage | AnswerOf<ResolvedMessage>[]> {
    const { outbox, groupId } = KafkaErrorHandler.#of(this, 'notifySuccess').ready('notifySuccess')
    if (isArray(messages)) {
      const successes = readAll(messages, 'notifySuccess', readSuccess(groupId, 'borrowed'))
      return successes.length === 0 ? [] : allAnswers(await outbox.resolveAll(successes), resolvedMessage)
    }
    const success = readOne(messages, 'notifySuccess', readSuccess(groupId, 'copied'))
    return resolvedMessage(await outbox.resolve(success))
  }

  /** Stops redelivery to a topic, for every process of the namespace and until `resume`; its failures are still stored. */
  async pause(topic: string): Promise<void> {
    await KafkaErrorHandler.#setPaused(this, 'pause', topic, true)
  }

  /** Goes on with redelivery to a topic. */
  async resume(topic: string): Promise<void> {
    await KafkaErrorHandler.#setPaused(this, 'resume', topic, false)
  }

  /** A snapshot: entries per state, calls that wait, what was done. */
  async stats(): Promise<HandlerStats> {
    const { native } = KafkaErrorHandler.#of(this, 'stats').ready('stats')
    return JSON.parse(await native.stats()) as HandlerStats
  }

  /** `stats()` as Prometheus text. */
  async metrics(): Promise<string> {
    const { native } = KafkaErrorHandler.#of(this, 'metrics').ready('metrics')
    return render(JSON.parse(await native.stats()) as HandlerStats, version)
  }

  /** Whether the handler can do its work. Before `initialize()` and after `close()` it is `down`. */
  async health(): Promise<HandlerHealth> {
    const session = KafkaErrorHandler.#of(this, 'health')
    const unready = session.unready('health')
    if (unready !== undefined) return downHealth(unready.code === 'KER_CLOSED' ? 'closed' : 'not initialized')
    return JSON.parse(await session.native.health()) as HandlerHealth
  }

  /** Calls `listener` at each event. One that throws becomes an `error` event; `error` without a listener is logged. */
  on<Name extends keyof HandlerEvents>(name: Name, listener: Listener<HandlerEvents[Name]>): this {
    KafkaErrorHandler.#of(this, 'on').events.on(name, listener)
    return this
  }

  /** Calls `listener` at the next event only. */
  once<Name extends keyof HandlerEvents>(name: Name, listener: Listener<HandlerEvents[Name]>): this {
    KafkaErrorHandler.#of(this, 'once').events.once(name, listener)
    return this
  }

  /** Removes a listener. */
  off<Name extends keyof HandlerEvents>(name: Name, listener: Listener<HandlerEvents[Name]>): this {
    KafkaErrorHandler.#of(this, 'off').events.off(name, listener)
    return this
  }

  /**
   * Makes entries of the rows that 2.x left in `business_errors` (MySQL and MariaDB), or with `dryRun` only says what
   * there is. `initialize()` and every minute after it do this by themselves for rows that 2.x would send again, unless
   * `db.adopt` is `false`; rows that it gave up are adopted only by a call with `dead`.
   *
   * Rejects with `KER_STORE_PRIVILEGE` when the database user may not read, change and delete those rows, `KER_STORE`.
   */
  async adopt(options?: AdoptionOptions): Promise<AdoptionReport> {
    const { native } = KafkaErrorHandler.#of(this, 'adopt').ready('adopt')
    const { dead, dryRun } = readAdoption(options)
    return JSON.parse(await native.adopt(dead, dryRun)) as AdoptionReport
  }

  /**
   * Ends the handler within `closeTimeout` (10 s), from any state: sweeps stop, deliveries and calls that were made before
   * end, connections close. All calls share one close.
   */
  close(): Promise<void> {
    try {
      return KafkaErrorHandler.#of(this, 'close').close()
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return KafkaErrorHandler.prototype.close.call(this)
  }

  static async #setPaused(receiver: unknown, method: string, topic: unknown, paused: boolean): Promise<void> {
    const { native } = KafkaErrorHandler.#of(receiver, method).ready(method)
    const place = new Place(method, 'arguments')
    await native.setPaused(topicOf(topic, place), paused)
  }

  static #of(receiver: unknown, method: string): Session {
    if (typeof receiver === 'object' && receiver !== null && #session in receiver) return receiver.#session
    throw wrongReceiver(method)
  }
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    // A revoked proxy: it is refused as a message.
    return false
  }
}

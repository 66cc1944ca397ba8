/**
 * The life of one handler behind its public face: created, initialized, closed. It owns the native half, the emitter,
 * the logger and what keeps the process alive.
 */
import { KafkaRetryError, StateError } from './errors'
import { Events } from './events'
import { toFailure } from './failure'
import { unwatch, watch } from './forgotten'
import { dispatch, handlerEventNames, warn, type HandlerEvents } from './handler-events'
import { effectiveLevel, Logger } from './logger'
import { openHandler, type NativeHandler } from './native'
import type { PreparedOptions } from './options'
import { Outbox } from './outbox'
import { trapSignals } from './signals'

// The longest delay that a timer takes.
const forever = 2 ** 31 - 1

/** The state of one handler. */
export class Session {
  readonly options: PreparedOptions
  readonly native: NativeHandler
  readonly outbox: Outbox
  readonly events: Events<HandlerEvents>
  readonly #logger: Logger
  readonly #onClosing: () => void
  #releaseSignals: (() => void) | undefined
  #initialized: Promise<void> | undefined
  #isReady = false
  #closed: Promise<void> | undefined
  #isWoken = false
  #keepAlive: NodeJS.Timeout | undefined

  /** `onClosing` is called when the close begins. Nothing is opened yet. */
  constructor(options: PreparedOptions, onClosing: () => void) {
    this.options = options
    this.#onClosing = onClosing
    const level = effectiveLevel(options.logLevel, options.logger)
    this.#logger = new Logger(options.logger, level, (error) => this.#reportLogger(error))
    this.native = openHandler(options.toNative(level))
    this.events = new Events<HandlerEvents>(
      handlerEventNames,
      (error) => this.#logUnheard(error),
      (name, isHeard) => this.native.hear(name, isHeard),
    )
    this.outbox = new Outbox(this.native)
    this.native.onWake(Session.#wakes(new WeakRef(this)))
    // Later in this turn, so that listeners which are added right after the constructor hear it.
    if (options.ignored.length > 0) queueMicrotask(() => this.#warn('unknownOption', options.ignored.join('; ')))
  }

  /** The group of messages that name none. */
  get groupId(): string {
    return this.options.groupId
  }

  /** Why a call that needs the store cannot be made, or `undefined` when it can. */
  unready(method: string): StateError | undefined {
    if (this.#closed !== undefined) return closedError(method)
    // The text of 2.x, word for word.
    return this.#isReady
      ? undefined
      : new StateError('KER_STATE', 'call initialize function first', { details: { method } })
  }

  /** The session itself, for `method`, which needs the store. */
  ready(method: string): this {
    const error = this.unready(method)
    if (error !== undefined) throw error
    return this
  }

  /** One initialization, shared by all who ask; after a failure the next call is a new one. */
  initialize(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(closedError('initialize'))
    this.#initialized ??= this.#start()
    return this.#initialized
  }

  async #start(): Promise<void> {
    if (this.options.shutdownSignals) this.#releaseSignals ??= trapSignals(() => this.close())
    const { logger, logLevel } = this.options
    watch(this, this.native, logger, effectiveLevel(logLevel, logger))
    try {
      await this.native.initialize()
      this.#isReady = true
    } catch (error) {
      unwatch(this)
      this.#initialized = undefined
      throw error
    }
  }

  /** Starts sweeps; from now on the process stays alive. */
  async startSweeps(): Promise<void> {
    // It holds the session as well: who only runs sweeps may forget the handler.
    this.#keepAlive ??= setInterval((_session: Session) => undefined, forever, this)
    try {
      await this.native.startSweeps()
    } catch (error) {
      this.#letGo()
      throw error
    }
  }

  /** Stops sweeps, if any run. */
  async stopSweeps(): Promise<void> {
    this.#letGo()
    if (this.unready('stopRetryTask') === undefined) await this.native.stopSweeps()
  }

  /** One close, shared by all who ask. What was called before it goes out before it. */
  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    this.#onClosing()
    unwatch(this)
    this.#letGo()
    this.outbox.flush()
    try {
      const { leaked } = JSON.parse(await this.native.close()) as { leaked: number }
      if (leaked > 0) this.#warn('closeLeaked', `${leaked} clients did not close in time and were left behind`)
    } finally {
      this.#drain()
      this.#releaseSignals?.()
    }
  }

  #letGo(): void {
    clearInterval(this.#keepAlive)
    this.#keepAlive = undefined
  }

  // Made here and not where the session is at hand: what the native half holds must not hold the session.
  static #wakes(session: WeakRef<Session>): () => void {
    return () => {
      const living = session.deref()
      if (living !== undefined) living.#woken()
    }
  }

  // One drain for all wakes of a turn, outside the native callback, where a listener's error would have no home.
  #woken(): void {
    if (this.#isWoken) return
    this.#isWoken = true
    setImmediate(() => this.#drain())
  }

  #drain(): void {
    this.#isWoken = false
    try {
      dispatch(this.native.drain(), this.events, this.#logger)
    } catch (error) {
      this.events.emit('error', error as KafkaRetryError)
    }
  }

  #warn(code: string, message: string): void {
    warn({ code, message }, this.events, this.#logger)
  }

  #logUnheard(error: unknown): void {
    const known = KafkaRetryError.is(error) ? error : undefined
    const cause = toFailure(known?.cause)
    this.#logger.log('error', known?.message ?? 'an error event', {
      code: known?.code ?? 'KER_INTERNAL',
      ...known?.details,
      // Its message is the text of user code, which may quote a payload.
      ...(cause === null
        ? {}
        : { 'cause.class': cause.class, 'cause.code': cause.code, 'cause.at': frameOf(cause.stack) }),
    })
  }

  // A logger cannot be told of its own failure.
  #reportLogger(error: KafkaRetryError): void {
    if (this.events.hears('error')) this.events.emit('error', error)
    else process.stderr.write(`kafka-error-retry error: ${error.message}\n`)
  }
}

function closedError(method: string): StateError {
  return new StateError('KER_CLOSED', `${method}: the handler is closed`, { outcome: 'not_done', details: { method } })
}

function frameOf(stack: string | null): string | null {
  return /^ +at .*$/m.exec(stack ?? '')?.[0].trim() ?? null
}

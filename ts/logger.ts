/**
 * The user's logger, in whichever of the usual forms, as one. User code runs here, so it runs inside `try`: a logger that
 * throws changes nothing but the log. Lines carry codes and coordinates, never a payload, a statement or a secret.
 */
import { HandlerError } from './errors'

/** How much is logged, from most to least. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** The plain data of a line. */
export type LogFields = Readonly<Record<string, unknown>>

/** One line of text, or `{ level, message, …fields }` where there are fields (2.x). */
export type LogFunction = (line: string | (LogFields & { level: LogLevel; message: string })) => unknown

/** Four methods: `console`, pino, bunyan, winston, Midway's `ILogger`. */
export interface LogMethods {
  debug(...line: never[]): unknown
  info(...line: never[]): unknown
  warn(...line: never[]): unknown
  error(...line: never[]): unknown
}

/** A function (2.x), an object with four methods, or `false` for silence. */
export type LoggerOption = LogFunction | LogMethods | false

/** What a message says was expected. */
export const loggerExpected = 'must be a function, or an object with debug, info, warn, error'

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const patience = 10

/** Whether `value` is a logger in one of the three forms. */
export function isLogger(value: unknown): value is LoggerOption {
  if (typeof value === 'function' || value === false) return true
  if (typeof value !== 'object' || value === null) return false
  try {
    return levels.every((level) => typeof (value as Record<string, unknown>)[level] === 'function')
  } catch {
    return false
  }
}

/**
 * The level that applies: the option, else everything when the environment variable `KAFKA_ERROR_RETRY_DEBUG` is set,
 * else `'info'` for a logger that was given and `'warn'` for the console, so that an unasked-for line is worth reading.
 */
export function effectiveLevel(option: LogLevel | undefined, logger: LoggerOption | undefined): LogLevel {
  const debug = process.env['KAFKA_ERROR_RETRY_DEBUG'] ?? ''
  if (debug !== '' && debug !== '0') return 'debug'
  if (logger === false) return option ?? 'error'
  return option ?? (logger === undefined ? 'warn' : 'info')
}

/** One logger in front of the user's. */
export class Logger {
  readonly #write: (level: LogLevel, message: string, fields: LogFields | undefined) => unknown
  readonly #lowest: number
  readonly #report: (error: HandlerError) => void
  #throws = 0

  /** `report` hears of a logger that throws, once. */
  constructor(option: LoggerOption | undefined, level: LogLevel, report: (error: HandlerError) => void) {
    this.#write = writer(option)
    this.#lowest = levels.indexOf(level)
    this.#report = report
  }

  /** Writes one line, unless its level is filtered out. Never throws. */
  log(level: LogLevel, message: string, fields?: LogFields): void {
    if (levels.indexOf(level) < this.#lowest || this.#throws >= patience) return
    try {
      const result = this.#write(level, message, fields)
      // An async logger that fails would otherwise be an unhandled rejection, which ends the process.
      if (result instanceof Promise) result.catch((thrown: unknown) => this.#failed(thrown))
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  #failed(thrown: unknown): void {
    this.#throws += 1
    if (this.#throws > 1) return
    const message = `the logger threw; it is disabled after ${patience} times`
    this.#report(new HandlerError('KER_HANDLER', message, { cause: thrown }))
  }
}

function writer(option: LoggerOption | undefined): (level: LogLevel, message: string, fields?: LogFields) => unknown {
  if (option === false) return () => undefined
  if (option === undefined) return toStderr
  if (typeof option === 'function') {
    return (level, message, fields) => option(isEmpty(fields) ? message : { ...fields, level, message })
  }
  const methods = option as unknown as Record<LogLevel, (...line: unknown[]) => unknown>
  if (isObjectFirst(option)) return (level, message, fields) => methods[level](fields ?? {}, message)
  return (level, message, fields) => (isEmpty(fields) ? methods[level](message) : methods[level](message, fields))
}

// pino and bunyan take the fields first, and both make children. So does winston, which takes the text first.
function isObjectFirst(logger: object): boolean {
  return typeof (logger as { child?: unknown }).child === 'function' && !('transports' in logger)
}

// Standard output belongs to the program; a library's complaint about it does not.
function toStderr(level: LogLevel, message: string, fields?: LogFields): void {
  const rest = isEmpty(fields) ? '' : ` ${JSON.stringify(fields)}`
  process.stderr.write(`kafka-error-retry ${level}: ${message}${rest}\n`)
}

function isEmpty(fields: LogFields | undefined): boolean {
  return fields === undefined || Object.keys(fields).length === 0
}

/**
 * The shape of a handler's options in one table, and what becomes of them: one `ConfigError` with every problem, those of
 * the native half included, or the normalized options. Defaults, ranges and rules between options live in the core.
 */
import { brokers, sasl, tls } from './brokers'
import { database } from './database'
import { ConfigError, LoadError } from './errors'
import type { HandlerOptions } from './handler-options'
import { isLogger, loggerExpected, type LoggerOption, type LogLevel } from './logger'
import { checkOptions } from './native'
import { policy } from './policy'
import { received } from './received'
import { bare, duration, flag, integer, isRecord, listOf, oneOf, record, sentence, settings, text } from './shape'
import { Reading, type Problem, type Shape } from './shape'
import { isTopic, topicExpected } from './topic'

const topic: Shape = (value, path, reading) => (isTopic(value) ? value : reading.problem(path, topicExpected, value))

const cron: Shape = (value, path, reading) =>
  typeof value === 'string'
    ? text(value, path, reading)
    : reading.problem(path, 'must be a cron expression with 5 or 6 fields', value)

const logger: Shape = (value, path, reading) => (isLogger(value) ? value : reading.problem(path, loggerExpected, value))

const table = {
  namespace: text,
  groupId: text,
  db: database,
  kafka: record(
    {
      brokers,
      clientId: text,
      ssl: tls('ca', 'cert', 'key', 'passphrase', 'rejectUnauthorized'),
      sasl,
      topics: listOf(topic, 'must be an array of topics'),
      partitions: integer(1, 100_000),
      replicas: integer(1, 32_767),
      topicConfig: settings,
      librdkafka: settings,
    },
    { required: ['brokers'] },
  ),
  policy,
  scheduleRule: cron,
  scheduleTimezone: text,
  redelivery: oneOf('original', 'retryTopic'),
  retryTopic: topic,
  compacted: oneOf('hold', 'force'),
  mark: oneOf('body', 'header'),
  partitioner: oneOf('2.x', 'murmur2_random', 'fnv1a', 'crc32'),
  ensureTopics: flag,
  requireKafka: flag,
  leaseTimeout: duration,
  outcomeTimeout: duration,
  pushTimeout: duration,
  connectTimeout: duration,
  closeTimeout: duration,
  maxPending: integer(1, 10_000_000),
  maxPayloadBytes: integer(1, 2_147_483_647),
  maxRedeliveriesPerSecond: integer(1, 10_000_000),
  retention: record({ dead: duration }),
  schema: oneOf('auto', 'verify', 'none'),
  durability: oneOf('warn', 'strict'),
  logLevel: oneOf('debug', 'info', 'warn', 'error'),
  logger,
  shutdownSignals: flag,
} satisfies Record<keyof HandlerOptions, Shape>

const missing = { db: 'db config is required.', kafka: 'kafka config is required.' }

/** Options that have passed every check. */
export class PreparedOptions {
  readonly #isPrepared = true

  constructor(
    /** The normalized options without the logger: what two calls of `getInstance` are compared by. */
    readonly normalized: Readonly<Record<string, unknown>>,
    readonly logger: LoggerOption | undefined,
    /** Sentences about names that were ignored. */
    readonly ignored: readonly string[],
  ) {}

  /** Asks in a way that no proxy can answer: whatever else was given is still to be checked. */
  static is(value: unknown): value is PreparedOptions {
    return typeof value === 'object' && value !== null && #isPrepared in value && value.#isPrepared
  }

  get logLevel(): LogLevel | undefined {
    return this.normalized['logLevel'] as LogLevel | undefined
  }

  get shutdownSignals(): boolean {
    return this.normalized['shutdownSignals'] === true
  }

  get groupId(): string {
    return (this.normalized['groupId'] as string | undefined) ?? ''
  }

  /** The JSON that the native half reads. `logLevel` is the one that applies, if it is known already. */
  toNative(logLevel = this.logLevel): string {
    const { shutdownSignals: _, ...options } = this.normalized
    // 2.x rules follow the clock of the process, which only JavaScript knows by name.
    const scheduleTimezone = this.normalized['scheduleTimezone'] ?? processTimezone()
    const db = withTimezone(this.normalized['db'] as Record<string, unknown> | undefined)
    return JSON.stringify({ ...options, db, scheduleTimezone, logLevel })
  }
}

/** Checks and normalizes what was given to `method`, or throws one `ConfigError`. No I/O; the input is left as it is. */
export function prepareOptions(method: string, given: unknown): PreparedOptions {
  return prepare(method, given, table, ['db', 'kafka'])
}

/** The same for who only wants the store, and so knows no brokers. */
export function prepareStoreOptions(method: string, given: unknown): PreparedOptions {
  const { db, namespace, groupId, schema, logger } = table
  return prepare(method, given, { db, namespace, groupId, schema, logger }, ['db'])
}

function prepare(
  method: string,
  given: unknown,
  shapes: Readonly<Record<string, Shape>>,
  needed: readonly (keyof typeof missing)[],
): PreparedOptions {
  if (!isRecord(given)) {
    const problem = { path: '', expected: 'must be an object', received: received(given) }
    const message = `${method}: options must be an object, received ${problem.received}`
    throw new ConfigError('KER_CONFIG', message, { details: { method, problems: [problem] } })
  }
  const reading = new Reading('options')
  const read = record(shapes, { required: [] })(given, '', reading) as Record<string, unknown>
  if (reading.hasProblemAt('')) throw configError(method, reading.problems, undefined, reading.cause)
  const { logger: chosen, ...others } = read
  const normalized = needed.includes('kafka') ? others : { ...others, storeOnly: true }
  const prepared = new PreparedOptions(bare(normalized), chosen as LoggerOption | undefined, reading.ignored)
  const absent = absentParts(needed, read, reading)
  const problems = [...absent, ...reading.problems]
  problems.push(...nativeProblems(prepared, problems))
  if (problems.length > 0) throw configError(method, problems, absent[0], reading.cause)
  return prepared
}

// `null` was as good as absent to 2.x, which asked `if (!options.db)`.
function absentParts(needed: readonly string[], read: Record<string, unknown>, reading: Reading): Problem[] {
  const parts: Problem[] = []
  for (const path of needed) {
    const own = reading.problems.findIndex((problem) => problem.path === path || problem.path.startsWith(`${path}.`))
    const isNull = own >= 0 && reading.problems[own]?.received === 'null' && reading.problems[own]?.path === path
    if (isNull) reading.problems.splice(own, 1)
    if (isNull || (read[path] === undefined && own < 0)) {
      parts.push({ path, expected: 'must be an object', received: isNull ? 'null' : 'undefined' })
    }
  }
  return parts
}

function nativeProblems(prepared: PreparedOptions, known: readonly Problem[]): Problem[] {
  let found: Problem[]
  try {
    found = JSON.parse(checkOptions(prepared.toNative())) as Problem[]
  } catch (error) {
    // Problems are worth more than the news that there is no binary to look for further ones.
    if (error instanceof LoadError && known.length > 0) return []
    throw error
  }
  // What the core misses was left out here because it is wrong, and has been said.
  const isKnown = ({ path }: Problem) =>
    known.some((one) => one.path === path || path.startsWith(`${one.path}.`) || one.path.startsWith(`${path}[`))
  return found.filter((problem) => !isKnown(problem))
}

function configError(method: string, problems: Problem[], absent: Problem | undefined, cause: unknown): ConfigError {
  const sentences = problems.map((problem) => sentence(problem, 'options'))
  const counted = sentences.length === 1 ? '' : `${sentences.length} problems: `
  const message =
    absent === undefined ? `${method}: ${counted}${sentences.join('; ')}` : missing[absent.path as keyof typeof missing]
  return new ConfigError('KER_CONFIG', message, { cause, details: { method, problems } })
}

// So did the times that 2.x wrote.
function withTimezone(db: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  const isLocal = db !== undefined && (db['timezone'] === undefined || db['timezone'] === 'local')
  return isLocal ? { ...db, timezone: processTimezone() } : db
}

function processTimezone(): string | undefined {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions() as { timeZone?: string }
  // ICU's word for a zone that has no name, such as TZ=:/etc/localtime.
  return timeZone === undefined || timeZone === 'Etc/Unknown' ? undefined : timeZone
}

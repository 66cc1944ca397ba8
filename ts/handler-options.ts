/**
 * The options of a handler, as users see them. Their shapes are in `options.ts`, their defaults in the core.
 */
import type { Duration } from './duration'
import type { LoggerOption, LogLevel } from './logger'
import type { RetryPolicy } from './policy'

/** TLS as Node's `tls` module names it. PEM text or a Buffer of it. */
export interface TlsOptions {
  /** The authorities to trust. Default: Mozilla's list, which is built in; name a company's own authority here. */
  ca?: string | Buffer | readonly (string | Buffer)[]
  /** The client's certificate. */
  cert?: string | Buffer
  /** The client's private key. */
  key?: string | Buffer
  /** Whether a certificate that does not verify ends the connection. Default `true`. */
  rejectUnauthorized?: boolean
}

/** TLS towards brokers. */
export interface KafkaTlsOptions extends TlsOptions {
  /** The password of the private key. */
  passphrase?: string
}

/** A login at the brokers (KafkaJS). */
export interface SaslOptions {
  /** In lower or upper case. */
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  /** The user's name. */
  username: string
  /** The user's password. Never logged. */
  password: string
}

/** Where entries are stored (2.x). Unknown names are ignored with one warning, since 2.x callers left anything here. */
export interface DatabaseOptions {
  /** `'memory'` is for tests: it ends with the process. */
  type: 'mysql' | 'mariadb' | 'postgres' | 'sqlite' | 'memory'
  /** A URL with the parts below; a part given beside it wins. */
  url?: string
  /** Default `localhost`. */
  host?: string
  /** A number, or its decimal text (2.x). Default: the server's usual port. */
  port?: number | string
  username?: string
  /** Never logged. */
  password?: string
  /** The database, or SQLite's file. Default `kafka-error-retry` (2.x always used this name), `./kafka-error-retry.db`. */
  database?: string
  /** A Unix socket in place of host and port. */
  socketPath?: string
  /** What the names of our tables begin with. Default `ker_`. */
  tablePrefix?: string
  /** The most connections. Default 10. */
  poolSize?: number
  /** Default: verified, unless the host is loopback. `false` is accepted with a warning. */
  tls?: boolean | TlsOptions
  /**
   * Whether rows that 2.x left on this server become entries of this handler, in its namespace and group. Where services
   * with different namespaces or groups share a server, only one of them should. Default `true`.
   */
  adopt?: boolean
  /**
   * How 2.x wrote times into `business_errors`: `'local'` (the process's own zone, as 2.x), `'Z'`, an offset such as
   * `'+08:00'`, or an IANA name. Only for adopting its rows. Default `'local'`.
   */
  timezone?: string
  /** Whether statements are logged at level `info`, without parameters. Default `false`. */
  logging?: boolean
}

/** The brokers, and the topics that `initialize()` makes. */
export interface KafkaOptions {
  /** `'a:9092,b:9092'` (2.x) or `['a:9092', 'b:9092']` (KafkaJS). */
  brokers: string | readonly string[]
  /** Default `kafka-error-retry`. */
  clientId?: string
  /** TLS towards the brokers. Default `false`. */
  ssl?: boolean | KafkaTlsOptions
  sasl?: SaslOptions
  /** Topics that `initialize()` creates when they are missing. */
  topics?: readonly string[]
  /** The partitions of a topic that is created (2.x). Default: the broker's. */
  partitions?: number
  /** The replicas of a topic that is created (2.x). Default: the broker's. */
  replicas?: number
  /** Settings of a topic that is created, such as `{ 'retention.ms': 604800000 }`. */
  topicConfig?: Readonly<Record<string, string | number | boolean>>
  /** Settings of librdkafka by its own names. What this library manages, or what loads code, is refused. */
  librdkafka?: Readonly<Record<string, string | number | boolean>>
}

/** The options of `KafkaErrorHandler`. */
export interface HandlerOptions {
  /** The database: a URL (`'mysql://user:password@host/database'`, `'sqlite:./retry.db'`, `'memory:'`) or its parts. */
  db: string | DatabaseOptions
  /** The brokers. */
  kafka: KafkaOptions
  /** When and how often a message is tried again. Default `{ retryCount: 10, backoff: true }` (2.x). */
  policy?: RetryPolicy
  /** Separates the entries of installations that share a database. Default `''`. */
  namespace?: string
  /** The consumer group whose failures these are. Default `''`: none. */
  groupId?: string
  /**
   * A cron rule with 5 or 6 fields (2.x) at whose ticks sweeps run. Without it an entry is delivered when it falls due.
   */
  scheduleRule?: string
  /** The IANA time zone of `scheduleRule`. Default: the process's (2.x). */
  scheduleTimezone?: string
  /** Where a redelivery goes: the topic it came from, or `retryTopic`. Default `'original'` (2.x). */
  redelivery?: 'original' | 'retryTopic'
  /** Default `<groupId>.ker-retry`. */
  retryTopic?: string
  /** On a compacted topic a redelivery would replace the newest value: `'hold'` (default) sets the entry aside. */
  compacted?: 'hold' | 'force'
  /** Whether a JSON object is marked with `fromRetry: true` in its body (2.x, default) or only by headers. */
  mark?: 'body' | 'header'
  /** How a partition is chosen when the original one is unknown. Default `'2.x'`. */
  partitioner?: '2.x' | 'murmur2_random' | 'fnv1a' | 'crc32'
  /** Whether missing topics are created. Default `true`. */
  ensureTopics?: boolean
  /** Whether `initialize()` rejects when no broker answers. Default `false`: it warns. */
  requireKafka?: boolean
  /** How long a claim on an entry lasts unless it is renewed. Default 30 s. */
  leaseTimeout?: Duration
  /** How long a delivered entry waits for its outcome. Default 10 min. */
  outcomeTimeout?: Duration
  /** How long `pushError` and `notifySuccess` try. Default 15 s. */
  pushTimeout?: Duration
  /** How long a connection may take. Default 10 s. */
  connectTimeout?: Duration
  /** How long `close()` may take. Default 10 s. */
  closeTimeout?: Duration
  /** The most calls that wait at once; further ones reject with `KER_BUSY`. Default 10 000. */
  maxPending?: number
  /** The largest message. Default 16 MiB. */
  maxPayloadBytes?: number
  /** The most redeliveries per second of this process. Default: no limit. */
  maxRedeliveriesPerSecond?: number
  /** How long dead entries are kept. Default: until an operator acts. */
  retention?: { dead?: Duration }
  /** What is done about tables: made and migrated (`'auto'`, default), only checked, or neither. */
  schema?: 'auto' | 'verify' | 'none'
  /** What becomes of a database that may lose acknowledged commits: a warning (default), or `KER_NOT_DURABLE`. */
  durability?: 'warn' | 'strict'
  /** Default `'info'`, or `'warn'` without a `logger`. */
  logLevel?: LogLevel
  /**
   * A function (2.x: `console.log`), an object with `debug`, `info`, `warn` and `error` (pino, winston, `console`), or
   * `false`. Default: warnings and errors on standard error. Payloads are never logged.
   */
  logger?: LoggerOption
  /** Whether SIGINT, SIGTERM and SIGQUIT close the handler and then end the process. Default `false`. */
  shutdownSignals?: boolean
}

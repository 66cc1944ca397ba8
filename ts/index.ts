/**
 * The public face of `kafka-error-retry`. What is not named here is no part of it.
 */
export { KafkaErrorHandler } from './handler'
export {
  ArgumentError,
  BusyError,
  ConfigError,
  HandlerError,
  InternalError,
  KafkaError,
  KafkaRetryError,
  LoadError,
  StateError,
  StoreError,
  TimeoutError,
} from './errors'

export type { AdoptionOptions, AdoptionReport, OldTopic } from './adoption'
export type { AnswerOf, EntryState, ResolvedMessage, StoredFailure } from './answers'
export type { FailedMessage, HandledMessage } from './arguments'
export type { Bytes } from './bytes'
export type { Duration } from './duration'
export type { Entries, Entry, EntryMessage, EntryPage, EntryQuery } from './entries'
export type { ErrorCode, ErrorFacts, Outcome } from './errors'
export type { Listener } from './events'
export type { EntryFilter, EntryTarget } from './filter'
export type { EntryName, HandlerEvents } from './handler-events'
export type {
  DatabaseOptions,
  HandlerOptions,
  KafkaOptions,
  KafkaTlsOptions,
  SaslOptions,
  TlsOptions,
} from './handler-options'
export type { Headers, HeaderValue } from './headers'
export type { DataId } from './identity'
export type { LogFields, LogFunction, LoggerOption, LogLevel, LogMethods } from './logger'
export type { RetryPolicy } from './policy'
export type { HandlerHealth, HandlerStats, HealthCheck, SweepReport } from './stats'

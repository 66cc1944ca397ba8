/**
 * The same objects for `import`. There is one implementation, in CommonJS, so that `import` and `require` in one process
 * share one handler and one set of error classes.
 */
export type * from './index.js'
export {
  ArgumentError,
  BusyError,
  ConfigError,
  HandlerError,
  InternalError,
  KafkaError,
  KafkaErrorHandler,
  KafkaRetryError,
  LoadError,
  StateError,
  StoreError,
  TimeoutError,
} from './index.js'

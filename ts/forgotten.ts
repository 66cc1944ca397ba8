/**
 * A handler that nobody can reach any more and that was never closed: it is closed when the collector finds it, and the
 * log says so. What is kept here must not lead back to it, or it would never be found. Listeners may, so none hears of
 * it; a logger may, so it is not kept either, and where it went the same way the line goes to standard error.
 */
import { Logger, type LoggerOption, type LogLevel } from './logger'
import type { NativeHandler } from './native'

interface Remains {
  native: Pick<NativeHandler, 'close'>
  logger: false | WeakRef<object> | undefined
  level: LogLevel
}

const registry = new FinalizationRegistry<Remains>(({ native, logger, level }) => {
  const line = 'a handler was forgotten without close(); it is closed now'
  const option = logger instanceof WeakRef ? (logger.deref() as LoggerOption | undefined) : logger
  new Logger(option, level, () => undefined).log('warn', line, { code: 'notClosed' })
  native.close().catch(() => undefined)
})

/** From now on, to forget `handler` is to close it. */
export function watch(
  handler: object,
  native: Pick<NativeHandler, 'close'>,
  logger: LoggerOption | undefined,
  level: LogLevel,
): void {
  const kept = typeof logger === 'function' || typeof logger === 'object' ? new WeakRef<object>(logger) : logger
  registry.register(handler, { native, logger: kept, level }, handler)
}

/** `handler` closes by itself. */
export function unwatch(handler: object): void {
  registry.unregister(handler)
}

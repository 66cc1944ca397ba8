/**
 * The events of a handler, and their way from the native queue to the listeners and the log.
 */
import { errorOf, InternalError, type KafkaRetryError } from './errors'
import type { EntryState } from './answers'
import type { Events } from './events'
import type { Logger, LogLevel } from './logger'

/** Which entry an event is about. */
export interface EntryName {
  /** The entry's id: a decimal string. */
  id: string
  topic: string
  groupId: string
  dataId: string
}

/** The events of `KafkaErrorHandler`. */
export interface HandlerEvents {
  /** A failure was stored. */
  stored: EntryName & { retryCount: number; dueAt: Date; state: EntryState }
  /** A copy was acknowledged by the broker. */
  redelivered: EntryName & { attempt: number; generation: number; partition: number; offset: string }
  /** A success deleted the entry. */
  resolved: Omit<EntryName, 'id'>
  /** The policy is spent, or the error can never heal. */
  dead: EntryName & { retryCount: number; reason: string }
  /** A copy was not delivered (`'not_done'`: no attempt is counted), or perhaps (`'unknown'`). */
  deliveryFailed: EntryName & { outcome: 'not_done' | 'unknown'; code: string; message: string }
  /** Something is odd but goes on, such as `brokerUnavailable`, `insecureTransport`, `notDurable`. */
  warning: { code: string; message: string; details: Readonly<Record<string, unknown>> }
  /** Something failed that no call can reject with. Without a listener it is logged. */
  error: KafkaRetryError
}

/** The names, in the order of the documentation. */
export const handlerEventNames = [
  'stored',
  'redelivered',
  'resolved',
  'dead',
  'deliveryFailed',
  'warning',
  'error',
] as const satisfies readonly (keyof HandlerEvents)[]

/** What the native half queues, as JSON. */
type QueuedEvent =
  | ({ type: 'stored'; dueAt: number } & Omit<HandlerEvents['stored'], 'dueAt'>)
  | ({ type: 'redelivered' } & HandlerEvents['redelivered'])
  | ({ type: 'resolved' } & HandlerEvents['resolved'])
  | ({ type: 'dead' } & HandlerEvents['dead'])
  | ({ type: 'deliveryFailed' } & HandlerEvents['deliveryFailed'])
  | { type: 'warning'; code: string; message: string; details: Record<string, unknown> | null }
  | { type: 'error'; code: string; message: string; details: Record<string, unknown> | null }
  | { type: 'log'; level: LogLevel; message: string; fields: Record<string, unknown> | null }
  | { type: 'dropped'; count: number }

/** Hands out what `drained` holds, in order. Never throws. */
export function dispatch(drained: string, events: Events<HandlerEvents>, logger: Logger): void {
  for (const event of parsed(drained, events)) {
    if (event.type === 'log') logger.log(event.level, event.message, event.fields ?? undefined)
    else if (event.type === 'warning') warn(event, events, logger)
    else if (event.type === 'error') events.emit('error', errorOfEvent(event))
    else if (event.type === 'dropped') warn(droppedWarning(event.count), events, logger)
    else if (event.type === 'stored') {
      const { type, dueAt, ...rest } = event
      events.emit(type, { ...rest, dueAt: new Date(dueAt) })
    } else {
      const { type, ...rest } = event
      events.emit(type, rest as never)
    }
  }
}

/** Emits and logs a warning: unlike an error it has no call that would tell of it. */
export function warn(
  { code, message, details }: { code: string; message: string; details?: Record<string, unknown> | null },
  events: Events<HandlerEvents>,
  logger: Logger,
): void {
  const facts = details ?? {}
  logger.log('warn', message, { code, ...facts })
  events.emit('warning', { code, message, details: facts })
}

function errorOfEvent({ code, message, details }: Extract<QueuedEvent, { type: 'error' }>): KafkaRetryError {
  return errorOf(code, message, { details: details ?? undefined })
}

function droppedWarning(count: number): { code: string; message: string; details: Record<string, unknown> } {
  return { code: 'eventsDropped', message: `${count} events were dropped: the queue was full`, details: { count } }
}

function parsed(drained: string, events: Events<HandlerEvents>): QueuedEvent[] {
  try {
    return JSON.parse(drained) as QueuedEvent[]
  } catch (cause) {
    events.emit('error', new InternalError('KER_INTERNAL', 'the native events could not be read', { cause }))
    return []
  }
}

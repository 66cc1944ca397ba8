/**
 * What a failure looks like on standard error: its code, what happened, what to do.
 */
import { KafkaRetryError } from '../errors'
import { UsageError } from './parse'
import { Failure } from './task'
import { visible } from './text'

/** The lines for one failure. A stack only where `DEBUG` asks for it. */
export function describe(error: unknown): string {
  const lines = [`kafka-error-retry: ${visible(summary(error), 'lines')}`]
  const reason = KafkaRetryError.is(error) && error.cause instanceof Error ? error.cause.message : ''
  // The text of a database or of the loader: it has no payload, since nothing here sends one.
  if (reason !== '') lines.push(`  cause: ${visible(reason, 'lines')}`)
  const isDebug = ['DEBUG', 'KAFKA_ERROR_RETRY_DEBUG'].some((name) => !['', '0'].includes(process.env[name] ?? ''))
  if (isDebug && error instanceof Error) lines.push(error.stack ?? '')
  return lines.join('\n')
}

function summary(error: unknown): string {
  if (error instanceof UsageError || error instanceof Failure) return error.message
  if (!KafkaRetryError.is(error))
    return error instanceof Error ? `${error.name}: ${error.message}` : 'an unknown failure'
  const { code, message, details } = error
  if (typeof details?.['needed'] === 'number') return `${code}: ${behind(details)}`
  const hint =
    code === 'KER_STORE_PRIVILEGE' ? '\n  kafka-error-retry migrate --dry-run prints what an administrator can run' : ''
  return `${code}: ${message}${hint}`
}

function behind({ found, needed }: Readonly<Record<string, unknown>>): string {
  const what =
    found === 0 ? 'there are no tables here' : `the tables have version ${String(found)}, needed is ${String(needed)}`
  return `${what}; kafka-error-retry migrate makes them`
}

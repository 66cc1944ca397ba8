/**
 * What a TypeScript user may write, and what is refused; compiled by `tsc -p tsconfig.types.json` and never run.
 */
import { KafkaErrorHandler, KafkaRetryError } from '../index.js'
import type { AnswerOf, Entry, HandlerEvents, ResolvedMessage, StoredFailure } from '../index.js'
import type { KafkaMessage } from 'kafkajs'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_ extends true>() => undefined

// The README of 2.x.
export const handler = KafkaErrorHandler.getInstance({
  db: { type: 'mysql', host: 'localhost', port: 3306, username: 'test', password: 'test', logging: true },
  kafka: { brokers: '127.0.0.1:9092', partitions: 8, replicas: 1 },
  policy: { retryCount: 10, backoff: true },
  scheduleRule: '1 * * * * *',
  logger: console.log,
})
new KafkaErrorHandler({ db: 'sqlite:./retry.db', kafka: { brokers: ['a:9092'] }, logger: console, closeTimeout: '5s' })
// @ts-expect-error: db is required
new KafkaErrorHandler({ kafka: { brokers: 'a:9092' } })
// @ts-expect-error: no such database
new KafkaErrorHandler({ db: { type: 'oracle' }, kafka: { brokers: 'a:9092' } })
// @ts-expect-error: an unknown name
new KafkaErrorHandler({ db: 'memory:', kafka: { brokers: 'a:9092' }, polcy: {} })

export async function results(record: KafkaMessage): Promise<void> {
  const message = { topic: 'test', key: 'test-1', value: 'test data', dataId: '1' }
  const stored = await handler.pushError(message)
  is<Equal<typeof stored, StoredFailure>>()
  is<Equal<typeof stored.dueAt, Date>>()
  const answers = await handler.pushError([message])
  is<Equal<typeof answers, AnswerOf<StoredFailure>[]>>()
  for (const answer of answers) {
    if ('error' in answer) is<Equal<typeof answer.error, KafkaRetryError>>()
    else is<Equal<typeof answer.retryCount, number>>()
  }
  const gone = await handler.notifySuccess({ topic: 'test', dataId: 1 })
  is<Equal<typeof gone, ResolvedMessage>>()
  const entry = await handler.entries.get('1')
  is<Equal<typeof entry, Entry | null>>()

  // A record as KafkaJS gives it.
  const { key, value, headers, offset, timestamp } = record
  await handler.pushError({ topic: 'test', partition: 0, key, value, headers: headers ?? {}, offset, timestamp })
  // What was stored can be pushed again.
  if (entry !== null) await handler.pushError({ ...entry.message, topic: entry.topic, dataId: entry.dataId })

  // @ts-expect-error: a message has a topic
  await handler.pushError({ value: 'x', dataId: 1 })
  // @ts-expect-error: a value is no number
  await handler.pushError({ topic: 'test', value: 5, dataId: 1 })
  // @ts-expect-error: nothing is purged without a word about what
  await handler.entries.purge()
}

export function events(): void {
  handler
    .on('dead', ({ topic, dataId, retryCount }) => is<Equal<typeof retryCount, number>>() ?? topic + dataId)
    .once('error', (error) => is<Equal<typeof error, HandlerEvents['error']>>())
  // @ts-expect-error: no such event
  handler.on('died', () => undefined)
}

export async function disposed(): Promise<void> {
  await using further = new KafkaErrorHandler({ db: 'memory:', kafka: { brokers: 'a:9092' } })
  await further.initialize()
}

export function caught(error: unknown): string | undefined {
  if (!KafkaRetryError.is(error)) return undefined
  is<Equal<typeof error.outcome, 'not_done' | 'unknown' | undefined>>()
  return error.retriable ? error.code : error.message
}

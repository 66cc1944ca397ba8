/**
 * The arguments of `pushError` and `notifySuccess`: checked before anything is sent, and turned into what crosses.
 */
import { keyBytes, valueBytes, type Bytes, type Views } from './bytes'
import { toFailure } from './failure'
import { headerList, type Headers } from './headers'
import { dataIdOf, groupIdOf, offsetOf, partitionOf, timestampOf, topicOf, type DataId } from './identity'
import type { NativeFailure, NativeSuccess } from './native'
import { Place } from './place'
import { policy, type RetryPolicy } from './policy'
import { Reading, sentence } from './shape'
import { ArgumentError } from './errors'

/** A message whose handling failed. */
export interface FailedMessage {
  /** The topic it came from. */
  topic: string
  /** The record's key. Absent and null are the null key, `''` is the empty key. */
  key?: Bytes | null
  /** The record's bytes; null is a tombstone. A plain object or array is stored as its JSON text. */
  value: Bytes | null | object
  /**
   * Your id of the message: up to 255 bytes, `1`, `1n` and `'1'` are the same (2.x). Without it the id is
   * `partition:offset` of the original record, and `partition`, `offset` and `headers` must be given.
   */
  dataId?: DataId | null
  /** The record's headers. Those of a redelivered copy make this failure count once. */
  headers?: Headers | null
  /** The record's partition. A redelivery goes to the same one. */
  partition?: number | null
  /** The record's offset. */
  offset?: string | number | bigint | null
  /** The record's timestamp: a Date, or epoch milliseconds. */
  timestamp?: Date | number | string | bigint | null
  /** The consumer group that failed. Default: the handler's. */
  groupId?: string | null
  /** The policy of this entry. What it leaves out is the handler's. */
  policy?: RetryPolicy
  /** What was thrown. Class, message, code and stack are kept and shown by `entries.get`. */
  error?: unknown
  /** 32 hexadecimal digits: a failure that is reported again with the same one counts once. */
  failureId?: string
}

/** A message whose handling succeeded. */
export interface HandledMessage {
  /** The topic it came from. */
  topic: string
  /** Your id of the message, as given to `pushError`. */
  dataId: DataId
  /** The consumer group. Default: the handler's. */
  groupId?: string | null
  /** The record's headers. With those of a copy only that life of the entry is deleted, and no newer failure. */
  headers?: Headers | null
}

/** How one argument becomes what crosses. */
export type Read<T> = (message: unknown, place: Place) => T

/** Reads one message, or throws what is wrong with it. */
export function readOne<T>(message: unknown, method: string, read: Read<T>): T {
  const place = new Place(method, 'message')
  return place.look('', () => read(message, place))
}

/** Reads an array, or throws at its first wrong item: nothing is stored then. */
export function readAll<T>(messages: readonly unknown[], method: string, read: Read<T>): T[] {
  const items: T[] = []
  const length = new Place(method, 'messages').look('', () => messages.length)
  // By number: what an array says of its own iterator is not asked.
  for (let index = 0; index < length; index += 1) {
    const place = new Place(method, `messages[${index}]`)
    items.push(place.look('', () => read(messages[index], place)))
  }
  return items
}

/** A failure as it crosses. `groupId` is the handler's, for messages that name none. */
export function readFailure(groupId: string, views: Views): Read<NativeFailure> {
  return (message, place) => {
    if (typeof message !== 'object' || message === null) return place.refuse('', 'must be an object', message)
    const of = (key: string) => place.read(message, key)
    const topic = topicOf(of('topic'), place)
    const dataId = of('dataId') ?? undefined
    const headers = of('headers')
    const partition = partitionOf(of('partition'), place)
    const offset = offsetOf(of('offset'), place)
    // The default id is the original record's, which only the headers of a copy know.
    const hasDefault = partition !== null && offset !== null && headers !== undefined && headers !== null
    return {
      groupId: groupIdOf(of('groupId') ?? groupId, place),
      dataId: dataId === undefined && hasDefault ? null : dataIdOf(dataId, place),
      message: {
        topic,
        key: place.look('key', () => keyBytes(of('key'), views, place)),
        value: place.look('value', () => valueBytes(of('value'), views, place)),
        headers: place.look('headers', () => headerList(headers, views, place)),
        partition,
        offset,
        timestamp: timestampOf(of('timestamp'), place),
      },
      policy: policyText(of('policy'), place),
      error: toFailure(of('error')),
      failureId: failureIdOf(of('failureId'), place),
    }
  }
}

/** A success as it crosses. */
export function readSuccess(groupId: string, views: Views): Read<NativeSuccess> {
  return (message, place) => {
    if (typeof message !== 'object' || message === null) return place.refuse('', 'must be an object', message)
    const of = (key: string) => place.read(message, key)
    const headers = of('headers') ?? undefined
    return {
      topic: topicOf(of('topic'), place),
      dataId: dataIdOf(of('dataId'), place),
      groupId: groupIdOf(of('groupId') ?? groupId, place),
      headers: headers === undefined ? null : place.look('headers', () => headerList(headers, views, place)),
    }
  }
}

function policyText(value: unknown, place: Place): string | null {
  if (value === undefined || value === null) return null
  const reading = new Reading(place.pathOf('policy'))
  const read = policy(value, '', reading)
  if (reading.problems.length === 0) return JSON.stringify(read)
  const problems = reading.problems.map((problem) => sentence(problem, reading.root)).join('; ')
  throw new ArgumentError('KER_ARGUMENT', `${place.method}: ${problems}`, {
    cause: reading.cause,
    details: { method: place.method, problems: reading.problems },
  })
}

function failureIdOf(value: unknown, place: Place): string | null {
  if (value === undefined || value === null) return null
  const fits = typeof value === 'string' && /^[0-9A-Fa-f]{32}$/.test(value)
  return fits ? value.toLowerCase() : place.refuse('failureId', 'must be 32 hexadecimal digits', value)
}

/**
 * What names an entry (group, topic, id) and where its record stood (partition, offset, timestamp), as one call gives them.
 */
import { types } from 'node:util'

import type { Place } from './place'
import { isStorable, storableExpected } from './text'
import { isTopic, topicExpected } from './topic'

/** The caller's id of a message; `1`, `1n` and `'1'` are the same (2.x). */
export type DataId = string | number | bigint

const idExpected = 'must be a non-empty string up to 255 bytes, an integer or a bigint'
const largestOffset = 2n ** 63n - 1n
// The last instant that a `Date` can hold.
const latest = 8.64e15

/** A topic that Kafka takes. */
export function topicOf(value: unknown, place: Place): string {
  return isTopic(value) ? value : place.refuse('topic', topicExpected, value)
}

/** The text of an id: a number or bigint in decimal, a string as it is. */
export function dataIdOf(value: unknown, place: Place): string {
  if (typeof value === 'number' && Number.isFinite(value)) {
    // Two different large integers are one number, and would be one entry.
    if (!Number.isSafeInteger(value)) place.refuse('dataId', 'integers must be safe; use bigint or string', value)
    return String(value)
  }
  const text = typeof value === 'bigint' ? value.toString() : value
  if (typeof text !== 'string' || text === '' || Buffer.byteLength(text) > 255) {
    return place.refuse('dataId', idExpected, value)
  }
  return isStorable(text) ? text : place.refuse('dataId', storableExpected, value)
}

/** A group, or `''` for none. */
export function groupIdOf(value: unknown, place: Place): string {
  if (value === undefined || value === null) return ''
  const fits = typeof value === 'string' && Buffer.byteLength(value) <= 255 && isStorable(value)
  return fits ? value : place.refuse('groupId', 'must be a string up to 255 bytes, valid Unicode without NUL', value)
}

/** A partition, or `null` when it is not given. */
export function partitionOf(value: unknown, place: Place): number | null {
  if (value === undefined || value === null) return null
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31
  return fits ? value : place.refuse('partition', 'must be an integer 0–2147483647', value)
}

/** An offset as decimal text (KafkaJS), or `null` when it is not given. */
export function offsetOf(value: unknown, place: Place): string | null {
  if (value === undefined || value === null) return null
  const offset = integerOf(value)
  if (offset !== undefined && offset >= 0n && offset <= largestOffset) return offset.toString()
  return place.refuse('offset', `must be an integer 0–${largestOffset} as a string, safe number or bigint`, value)
}

/** Epoch milliseconds, or `null` when no timestamp is given. */
export function timestampOf(value: unknown, place: Place): number | null {
  if (value === undefined || value === null) return null
  const ms = types.isDate(value) ? Date.prototype.getTime.call(value) : Number(integerOf(value) ?? Number.NaN)
  if (ms >= 0 && ms <= latest) return ms
  return place.refuse('timestamp', 'must be a valid Date, or epoch milliseconds up to 8640000000000000', value)
}

function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && /^\d{1,19}$/.test(value) ? BigInt(value) : undefined
}

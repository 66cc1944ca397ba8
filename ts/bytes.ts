/**
 * Keys, values and header values as bytes. A view is copied when the call waits for others of the same turn of the event
 * loop, since its owner may write to it as soon as the method has returned.
 */
import { types } from 'node:util'

import type { Place } from './place'

/** Bytes as callers have them; a string is UTF-8. */
export type Bytes = string | Buffer | Uint8Array

/** What is done with views: copied now, or read by the native half before the method returns. */
export type Views = 'copied' | 'borrowed'

const keyExpected = 'must be a string, Buffer, Uint8Array or null'
const valueExpected = 'must be a string, Buffer, Uint8Array, null, or a plain object or array (stored as JSON)'

/** The bytes of a string or view, or `undefined` when `value` is neither. */
export function bytesOf(value: unknown, views: Views, place: Place, key: string): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value)
  if (!types.isUint8Array(value)) return undefined
  if (isUnowned(value)) place.refuse(key, 'must not lie on a detached ArrayBuffer or a SharedArrayBuffer', value)
  return views === 'copied' ? Buffer.from(value) : value
}

/** A key: absent and null are the null key, `''` is the empty key. */
export function keyBytes(value: unknown, views: Views, place: Place): Uint8Array | null {
  if (value === undefined || value === null) return null
  return bytesOf(value, views, place, 'key') ?? place.refuse('key', keyExpected, value)
}

/** A value: null is a tombstone, a plain object or array its JSON text. */
export function valueBytes(value: unknown, views: Views, place: Place): Uint8Array | null {
  if (value === null) return null
  if (value === undefined) return place.refuse('value', `${valueExpected}; use null for a tombstone`, value)
  return bytesOf(value, views, place, 'value') ?? Buffer.from(jsonText(value, place))
}

function jsonText(value: unknown, place: Place): string {
  let json: string | undefined
  try {
    json = isPlain(value) ? JSON.stringify(value) : undefined
  } catch (thrown) {
    // A cycle, a bigint, a `toJSON` that throws, a revoked proxy.
    return place.refuse('value', valueExpected, value, thrown)
  }
  return json ?? place.refuse('value', valueExpected, value)
}

// Asked by the length of the prototype chain: an object of another realm has another `Object.prototype`.
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

// Another thread may write to shared memory while it is read; a detached buffer has lost its bytes and looks empty.
function isUnowned(view: Uint8Array): boolean {
  if (types.isSharedArrayBuffer(view.buffer)) return true
  if (view.byteLength > 0) return false
  try {
    return new Uint8Array(view.buffer).byteLength < 0
  } catch {
    return true
  }
}

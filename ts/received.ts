/**
 * A value shown by its type only. Messages of this library go to logs, and the value may be a password or a payload.
 */
import { types } from 'node:util'

/** `'string(300)'`, `'array(2)'`, `'Date'`, `'NaN'`: never a part of the content. */
export function received(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `string(${value.length})`
    case 'number':
      return Number.isFinite(value) ? 'number' : String(value)
    case 'object':
      return value === null ? 'null' : receivedObject(value)
    default:
      return typeof value
  }
}

function receivedObject(value: object): string {
  // Tags and constructor names belong to the caller; only what the engine itself knows is asked for.
  if (types.isProxy(value)) return 'object'
  if (Array.isArray(value)) return `array(${value.length})`
  if (types.isUint8Array(value)) return `${Buffer.isBuffer(value) ? 'Buffer' : 'Uint8Array'}(${lengthOf(value)})`
  if (types.isDate(value)) return 'Date'
  if (types.isMap(value)) return 'Map'
  if (types.isSet(value)) return 'Set'
  if (types.isPromise(value)) return 'Promise'
  if (types.isRegExp(value)) return 'RegExp'
  if (types.isNativeError(value)) return 'Error'
  return 'object'
}

// The engine's own answer: an object may have a `length` of its own.
function lengthOf(view: Uint8Array): number {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object
  return Object.getOwnPropertyDescriptor(prototype, 'length')?.get?.call(view) as number
}

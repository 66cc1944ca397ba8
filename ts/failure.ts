/**
 * A thrown value as plain data, before it crosses to the native half, where its class and its code would be lost. Pure,
 * and total: whatever was thrown (`null`, a revoked proxy, an object whose getters throw) has an answer.
 */
import type { NativeError } from './native'

const messageBytes = 8 * 1024
const stackBytes = 16 * 1024
const nameBytes = 255
// Enough for any real chain of causes, and an end to one that is a circle.
const depth = 8

/** The facts of a thrown value; `null` only for `undefined`, which means that no error was given. */
export function toFailure(error: unknown): NativeError | null {
  if (error === undefined) return null
  const stack = property(error, 'stack')
  const code = codeOf(error, depth)
  return {
    class: cut(classOf(error), nameBytes),
    message: cut(messageOf(error), messageBytes),
    code: code === null ? null : cut(code, nameBytes),
    stack: typeof stack === 'string' ? cut(stack, stackBytes) : null,
  }
}

function classOf(error: unknown): string {
  if (error === null) return 'null'
  if (!isObject(error)) return typeof error
  const name = property(error, 'name')
  if (typeof name === 'string' && name !== '') return name
  const own = property(property(error, 'constructor'), 'name')
  return typeof own === 'string' && own !== '' ? own : 'Object'
}

function messageOf(error: unknown): string {
  if (!isObject(error)) return typeof error === 'symbol' ? error.toString() : String(error)
  const message = property(error, 'message')
  if (typeof message === 'string') return message
  // The text of an unknown object may be anything, a payload too: what it is must do.
  return `a thrown ${typeof error} without a message`
}

/** The first code along the chain: a client wraps ECONNREFUSED in errors that have none. */
function codeOf(error: unknown, left: number): string | null {
  if (left === 0 || !isObject(error)) return null
  const code = property(error, 'code')
  if (typeof code === 'string' && code !== '') return code
  if (typeof code === 'number') return String(code)
  for (const inner of [property(error, 'cause'), ...errorsOf(error)]) {
    const found = codeOf(inner, left - 1)
    if (found !== null) return found
  }
  return null
}

function errorsOf(error: unknown): unknown[] {
  const errors = property(error, 'errors')
  try {
    return Array.isArray(errors) ? Array.prototype.slice.call(errors, 0, depth) : []
  } catch {
    return []
  }
}

function property(source: unknown, key: string): unknown {
  try {
    return isObject(source) ? (source as Record<string, unknown>)[key] : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

// A database takes neither NUL nor half a character.
function cut(text: string, limit: number): string {
  // No character has less than one byte, so a huge text is cut before it is encoded whole.
  const bytes = Buffer.from(text.slice(0, limit).replaceAll('\0', '\uFFFD'))
  if (bytes.length <= limit) return bytes.toString()
  let end = limit
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}

/**
 * Headers in the shapes of the usual clients, as one ordered list: duplicates and bytes survive.
 */
import { types } from 'node:util'

import { bytesOf, type Bytes, type Views } from './bytes'
import type { NativeHeader } from './native'
import type { Place } from './place'
import { wellFormed } from './text'

/** One header value; null is a header without a value. */
export type HeaderValue = Bytes | null

/** Headers as an object (KafkaJS), or as a list of pairs (@platformatic/kafka, node-rdkafka). */
export type Headers =
  | { readonly [name: string]: HeaderValue | readonly HeaderValue[] | undefined }
  | readonly (
      | readonly [name: Bytes, value: HeaderValue]
      | { readonly name: Bytes; readonly value: HeaderValue }
      | { readonly key: Bytes; readonly value: HeaderValue }
      | { readonly [name: string]: HeaderValue }
    )[]

const most = 128
const headersExpected = 'must be an object of names, or an array of [name, value] or { name, value }'
const nameExpected = 'must be a string without NUL'
const valueExpected = 'must be a string, Buffer, Uint8Array or null'

/** The headers of a message, in order; an empty list when there are none. */
export function headerList(headers: unknown, views: Views, place: Place): NativeHeader[] {
  if (headers === undefined || headers === null) return []
  const list: NativeHeader[] = []
  const add = (at: string, name: unknown, value: unknown) => {
    list.push({ name: nameOf(name, `${at}.name`, place), value: valueOf(value, `${at}.value`, views, place) })
    if (list.length > most) place.refuse('headers', `must be at most ${most}`, headers)
  }
  if (Array.isArray(headers)) addPairs(headers, place, add)
  else addNamed(headers, place, add)
  return list
}

type Add = (at: string, name: unknown, value: unknown) => void

function addPairs(pairs: readonly unknown[], place: Place, add: Add): void {
  for (let index = 0; index < pairs.length; index += 1) {
    const at = `headers[${index}]`
    place.look(at, () => addPair(pairs[index], at, place, add))
  }
}

/** KafkaJS: a member may be an array, which stands for the name once per item. */
function addNamed(headers: unknown, place: Place, add: Add): void {
  if (typeof headers !== 'object' || headers === null || types.isMap(headers) || ArrayBuffer.isView(headers)) {
    return place.refuse('headers', headersExpected, headers)
  }
  for (const [index, name] of Object.keys(headers).entries()) {
    const at = `headers[${index}]`
    const value = place.read(headers, name, `${at}.value`)
    place.look(`${at}.value`, () => addValue(value, at, name, add))
  }
}

function addValue(value: unknown, at: string, name: string, add: Add): void {
  if (!Array.isArray(value)) return value === undefined ? undefined : add(at, name, value)
  for (let index = 0; index < value.length; index += 1) add(at, name, value[index])
}

function addPair(pair: unknown, at: string, place: Place, add: Add): void {
  if (Array.isArray(pair) && pair.length === 2) return add(at, pair[0], pair[1])
  if (
    typeof pair !== 'object' ||
    pair === null ||
    Array.isArray(pair) ||
    types.isMap(pair) ||
    ArrayBuffer.isView(pair)
  ) {
    return place.refuse(at, 'must be [name, value] or { name, value }', pair)
  }
  const names = Object.keys(pair)
  const named = ['name', 'key'].find((name) => names.includes(name))
  if (named !== undefined && names.includes('value'))
    return add(at, place.read(pair, named, `${at}.name`), place.read(pair, 'value', `${at}.value`))
  // node-rdkafka: one object per header, whose only member is the header.
  const [only, ...others] = names
  if (only === undefined || others.length > 0) place.refuse(at, 'must be [name, value] or { name, value }', pair)
  add(at, only, place.read(pair, only, `${at}.value`))
}

function nameOf(name: unknown, at: string, place: Place): string {
  // @platformatic/kafka gives names as bytes unless it is told otherwise.
  const text = types.isUint8Array(name) ? Buffer.from(name).toString() : name
  if (typeof text !== 'string' || text.includes('\0')) return place.refuse(at, nameExpected, name)
  return wellFormed(text)
}

function valueOf(value: unknown, at: string, views: Views, place: Place): Uint8Array | null {
  if (value === null) return null
  return bytesOf(value, views, place, at) ?? place.refuse(at, valueExpected, value)
}

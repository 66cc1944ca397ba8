/**
 * Which entries an operator's call is about. An unknown name is refused: `purge({ topik })` must not purge everything.
 */
import type { EntryState } from './answers'
import { ArgumentError } from './errors'
import { dataIdOf, topicOf, type DataId } from './identity'
import { nearest } from './nearest'
import { Place } from './place'
import { isRecord } from './shape'
import { types } from 'node:util'

/** Conditions that all must hold. Without any, all entries are meant. */
export interface EntryFilter {
  ids?: readonly string[]
  topic?: string
  groupId?: string
  dataId?: DataId
  state?: EntryState
  /** Why the entry is where it is, such as `'crash'`, `'no-outcome'`, `'too-large'`. */
  reason?: string
  /** Entries whose last failure is older: a Date, or epoch milliseconds. */
  failedBefore?: Date | number
}

/** What operating calls take: an id, ids, conditions, or everything in so many words. */
export type EntryTarget = string | readonly string[] | EntryFilter | { all: true }

type Condition = (value: unknown, place: Place) => unknown

const states: readonly EntryState[] = ['scheduled', 'leased', 'awaiting', 'dead', 'held']

const conditions: Record<keyof EntryFilter, Condition> = {
  ids: (value, place) => (Array.isArray(value) ? idsOf(value, place) : place.refuse('ids', 'must be an array', value)),
  topic: topicOf,
  groupId: (value, place) => textOf('groupId', value, place),
  dataId: dataIdOf,
  state: (value, place) =>
    states.some((state) => state === value)
      ? value
      : place.refuse('state', `must be one of ${states.join(', ')}`, value),
  reason: (value, place) => textOf('reason', value, place),
  failedBefore: (value, place) => {
    const ms = types.isDate(value) ? Date.prototype.getTime.call(value) : value
    return Number.isSafeInteger(ms) ? ms : place.refuse('failedBefore', 'must be a Date or epoch milliseconds', value)
  },
}

/** The id of one entry. */
export function entryIdOf(value: unknown, method: string): string {
  return idOf(value, '', new Place(method, 'id'))
}

/** The JSON of a filter that may be absent; `others` names members that the caller reads itself. */
export function filterText(value: unknown, method: string, others: readonly string[] = []): string {
  if (value === undefined) return '{}'
  return JSON.stringify(filterOf(value, new Place(method, 'filter'), others))
}

/** The JSON of what an operating call is about, or `undefined` when it is an empty list of ids. */
export function targetText(value: unknown, method: string, act: 'delete' | 'act on'): string | undefined {
  const place = new Place(method, 'filter')
  if (typeof value === 'string') return JSON.stringify({ ids: [idOf(value, 'ids[0]', place)] })
  if (Array.isArray(value)) return value.length === 0 ? undefined : JSON.stringify({ ids: idsOf(value, place) })
  const given = value ?? {}
  if (!isRecord(given)) return place.refuse('', 'must be an id, an array of ids or an object', value)
  const filter = filterOf(given, place, ['all'])
  const isAll = place.read(given, 'all') === true
  // A filter whose members are all `undefined` is a mistake of the caller that must not hit every entry.
  if (Object.keys(filter).length === 0 && !isAll) {
    const message = `${method}: refuses to ${act} everything; pass { all: true }`
    throw new ArgumentError('KER_ARGUMENT', message, { details: { method } })
  }
  return Array.isArray(filter['ids']) && filter['ids'].length === 0 ? undefined : JSON.stringify(filter)
}

function filterOf(value: unknown, place: Place, others: readonly string[]): Record<string, unknown> {
  if (!isRecord(value)) return place.refuse('', 'must be an object', value)
  const filter: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    if (others.includes(key)) continue
    const condition = Object.hasOwn(conditions, key) ? conditions[key as keyof EntryFilter] : undefined
    if (condition === undefined) return refuseUnknown(key, place, [...Object.keys(conditions), ...others])
    const given = place.read(value, key)
    if (given !== undefined) filter[key] = condition(given, place)
  }
  return filter
}

function refuseUnknown(key: string, place: Place, known: string[]): never {
  const near = nearest(key, known)
  const hint = near === undefined ? '' : `. Did you mean ${place.pathOf(near)}?`
  const message = `${place.method}: ${place.pathOf(key.slice(0, 64))} is unknown${hint}`
  throw new ArgumentError('KER_ARGUMENT', message, { details: { method: place.method } })
}

function idsOf(values: readonly unknown[], place: Place): string[] {
  return Array.from(values, (value, index) => idOf(value, `ids[${index}]`, place))
}

function idOf(value: unknown, key: string, place: Place): string {
  const fits = typeof value === 'string' && /^\d{1,19}$/.test(value)
  return fits ? value : place.refuse(key, 'must be the id of an entry: a decimal string', value)
}

function textOf(key: string, value: unknown, place: Place): string {
  return typeof value === 'string' ? value : place.refuse(key, 'must be a string', value)
}

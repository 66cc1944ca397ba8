/**
 * Which entries an operator's call is about. An unknown name is refused: `purge({ topik })` must not purge everything.
 */
import type { EntryState } from './answers'
import { ArgumentError } from './errors'
import { dataIdOf, topicOf, type DataId } from './identity'
import { nearest } from './nearest'
import { Place } from './place'
import { isRecord } from './shape'
import { isStorable, storableExpected } from './text'
import { types } from 'node:util'

/** Conditions that all must hold. Without any, all entries are meant. */
export interface EntryFilter {
  /** At most 10 000. */
  ids?: readonly string[]
  topic?: string
  groupId?: string
  dataId?: DataId
  state?: EntryState
  /** Why the entry is where it is: one of the reasons of `docs/state-machine.md`, such as `'crash'`. */
  reason?: string
  /** Entries whose last failure is older: a Date, or epoch milliseconds. */
  failedBefore?: Date | number
}

/** What operating calls take: an id, ids, conditions, or everything in so many words. */
export type EntryTarget = string | readonly string[] | EntryFilter | { all: true }

type Condition = (value: unknown, place: Place) => unknown

const states: readonly EntryState[] = ['scheduled', 'leased', 'awaiting', 'dead', 'held']

/** Why an entry is where it is; the words of the core. */
export const reasons: readonly string[] = [
  'failed',
  'crash',
  'no-outcome',
  'unknown-delivery',
  'not-delivered',
  'too-large',
  'compacted',
  'paused',
  'operator',
  'unreadable',
]

// What the statements of every database take.
const mostIds = 10_000

const conditions: Record<keyof EntryFilter, Condition> = {
  ids: (value, place) => (Array.isArray(value) ? idsOf(value, place) : place.refuse('ids', 'must be an array', value)),
  topic: topicOf,
  groupId: groupOf,
  dataId: dataIdOf,
  state: (value, place) => wordOf('state', states, value, place),
  reason: (value, place) => wordOf('reason', reasons, value, place),
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
  const place = new Place(method, 'filter')
  return place.look('', () => JSON.stringify(filterOf(value, place, others)))
}

/** The JSON of what an operating call is about, or `undefined` when it is an empty list of ids. */
export function targetText(value: unknown, method: string, act: 'delete' | 'act on'): string | undefined {
  const place = new Place(method, 'filter')
  return place.look('', () => targetOf(value, place, act))
}

function targetOf(value: unknown, place: Place, act: 'delete' | 'act on'): string | undefined {
  if (typeof value === 'string') return JSON.stringify({ ids: [idOf(value, 'ids[0]', place)] })
  if (Array.isArray(value)) return value.length === 0 ? undefined : JSON.stringify({ ids: idsOf(value, place) })
  const given = value ?? {}
  if (!isRecord(given)) return place.refuse('', 'must be an id, an array of ids or an object', value)
  const filter = filterOf(given, place, ['all'])
  const isAll = place.read(given, 'all') === true
  // A filter whose members are all `undefined` is a mistake of the caller that must not hit every entry.
  if (Object.keys(filter).length === 0 && !isAll) {
    const message = `${place.method}: refuses to ${act} everything; pass { all: true }`
    throw new ArgumentError('KER_ARGUMENT', message, { details: { method: place.method } })
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

/** Throws the `ArgumentError` of a name that an object of options does not have. */
export function refuseUnknown(key: string, place: Place, known: string[]): never {
  const near = nearest(key, known)
  const hint = near === undefined ? '' : `. Did you mean ${place.pathOf(near)}?`
  const message = `${place.method}: ${place.pathOf(key.slice(0, 64))} is unknown${hint}`
  throw new ArgumentError('KER_ARGUMENT', message, { details: { method: place.method } })
}

function idsOf(values: readonly unknown[], place: Place): string[] {
  if (values.length > mostIds) place.refuse('ids', `must be at most ${mostIds}`, values)
  return Array.from({ length: values.length }, (_, index) => idOf(values[index], `ids[${index}]`, place))
}

function idOf(value: unknown, key: string, place: Place): string {
  const fits = typeof value === 'string' && /^\d{1,19}$/.test(value)
  return fits ? value : place.refuse(key, 'must be the id of an entry: a decimal string', value)
}

function groupOf(value: unknown, place: Place): string {
  if (typeof value !== 'string') return place.refuse('groupId', 'must be a string', value)
  return isStorable(value) ? value : place.refuse('groupId', storableExpected, value)
}

function wordOf(key: string, words: readonly string[], value: unknown, place: Place): unknown {
  return words.some((word) => word === value) ? value : place.refuse(key, `must be one of ${words.join(', ')}`, value)
}

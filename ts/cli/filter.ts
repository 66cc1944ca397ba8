/**
 * From flags to the filter of `entries.list` and its siblings.
 */
import { parseDuration } from '../duration'
import type { EntryFilter } from '../filter'
import { UsageError, type Flags } from './parse'

/** What the flags say about which entries are meant. Absent flags are absent members. */
export function filterOf(flags: Flags, now = Date.now()): EntryFilter {
  const given: EntryFilter = {}
  const topic = flags.text('topic')
  const groupId = flags.text('group')
  const dataId = flags.text('data-id')
  const state = flags.text('state')
  const reason = flags.text('reason')
  const failedBefore = before(flags, now)
  if (topic !== undefined) given.topic = topic
  if (groupId !== undefined) given.groupId = groupId
  if (dataId !== undefined) given.dataId = dataId
  // A wrong word is refused by the filter itself, which knows the right ones.
  if (state !== undefined) given.state = state as NonNullable<EntryFilter['state']>
  if (reason !== undefined) given.reason = reason
  if (failedBefore !== undefined) given.failedBefore = failedBefore
  return given
}

/** The conditions as words, for a question. */
export function wordsOf(filter: EntryFilter): string {
  const words = Object.entries(filter).map(([name, value]) => {
    const shown = value instanceof Date ? value.toISOString() : String(value)
    return `${name} ${shown === '' ? "''" : shown}`
  })
  return words.length === 0 ? 'everything' : words.join(', ')
}

function before(flags: Flags, now: number): Date | undefined {
  const time = flags.text('failed-before')
  const age = flags.text('older-than')
  if (time !== undefined && age !== undefined) throw new UsageError('give --failed-before or --older-than, not both')
  if (age !== undefined) {
    const ms = parseDuration(age)
    if (ms === undefined) throw new UsageError('--older-than needs a duration, such as 90s, 15m, 12h or 7d')
    return new Date(now - ms)
  }
  if (time === undefined) return undefined
  // Date.parse also takes "1" and "May", each in its own way.
  const ms = /^\d{4}-\d\d-\d\d/.test(time) ? Date.parse(time) : Number.NaN
  if (Number.isNaN(ms)) throw new UsageError('--failed-before needs a moment, such as 2026-05-01T12:00:00Z')
  return new Date(ms)
}

/** A whole number from a flag, or `undefined` without it. */
export function countOf(flags: Flags, name: string, most: number): number | undefined {
  const text = flags.text(name)
  if (text === undefined) return undefined
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > most) throw new UsageError(`--${name} must be an integer 1–${most}`)
  return count
}

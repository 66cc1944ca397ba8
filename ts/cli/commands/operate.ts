/**
 * `requeue`, `discard` and `purge`: what they are about is counted first; a filter asks before it acts.
 */
import type { EntryState } from '../../answers'
import type { Entries, Entry } from '../../entries'
import type { EntryFilter } from '../../filter'
import { countOf, filterOf, wordsOf } from '../filter'
import { idsOf, UsageError, type Flags } from '../parse'
import { Failure, type Task } from '../task'
import { visible } from '../text'

/** What one of these commands does. */
interface Action {
  name: 'requeue' | 'discard' | 'purge'
  done: string
  /** Which entries it can change. */
  states: readonly EntryState[]
  run(entries: Entries, target: EntryFilter | { all: true }, flags: Flags): Promise<number>
}

const requeueing: Action = {
  name: 'requeue',
  done: 'requeued',
  states: ['dead', 'held'],
  run: async (entries, target, flags) => {
    // A wrong word is refused by the call.
    const redelivery = flags.text('redelivery') as Entry['redelivery'] | undefined
    return (await entries.requeue(target, redelivery === undefined ? {} : { redelivery })).requeued
  },
}

const discarding: Action = {
  name: 'discard',
  done: 'discarded',
  states: ['scheduled', 'leased', 'awaiting', 'dead', 'held'],
  run: async (entries, target) => (await entries.discard(target)).discarded,
}

const purging: Action = {
  name: 'purge',
  done: 'purged',
  states: ['dead'],
  run: async (entries, target) => (await entries.purge(target)).purged,
}

export const requeue = (task: Task) => operate(requeueing, task)
export const discard = (task: Task) => operate(discarding, task)
export const purge = (task: Task) => operate(purging, task)

async function operate(action: Action, task: Task): Promise<void> {
  const { flags, operator, terminal } = task
  const ids = idsOf(task.words)
  const filter = filterOf(flags)
  const limit = countOf(flags, 'limit', 1_000)
  const hasFilter = Object.keys(filter).length > 0
  checkTarget(action, { ids, hasFilter, limit, isAll: flags.has('all') })
  checkState(action, filter)
  await operator.open()
  const { entries } = operator
  const target = ids.length > 0 ? { ...filter, ids } : await bounded(entries, action, filter, limit)
  const count = await countIn(entries, action, target)
  if (flags.has('dry-run')) return report(task, action, count)
  if (ids.length === 0 && count > 0 && !flags.has('yes')) {
    const what = `${action.name} ${entriesOf(count)}: ${visible(wordsOf(filter))}`
    if (!terminal.isAttended) throw new UsageError(`this would ${what}. Give --yes to do it, --dry-run to look`)
    if (!(await terminal.confirm(`${what}?`))) throw new Failure('nothing was done')
  }
  const isAll = Object.keys(target).length === 0
  const done = count === 0 ? 0 : await action.run(entries, isAll ? { all: true } : target, flags)
  await report(task, action, done)
  const missed = new Set(ids).size - done
  if (missed > 0) {
    const states = action.states.length === 5 ? '' : `, or not ${action.states.join(' or ')}`
    throw new Failure(`${entriesOf(missed)} of those that were named: unknown${states}`)
  }
}

interface Given {
  ids: readonly string[]
  hasFilter: boolean
  limit: number | undefined
  isAll: boolean
}

function checkTarget({ name }: Action, { ids, hasFilter, limit, isAll }: Given): void {
  if (isAll && (hasFilter || ids.length > 0)) throw new UsageError('--all stands alone: take it out, or ids and filter')
  if (!isAll && !hasFilter && ids.length === 0) throw new UsageError(`${name} needs ids, a filter or --all`)
  if (limit !== undefined && ids.length > 0) throw new UsageError('--limit is for a filter, not for ids')
}

function checkState({ name, states }: Action, { state }: EntryFilter): void {
  if (state === undefined || states.includes(state)) return
  throw new UsageError(`${name} is for entries that are ${states.join(' or ')}`)
}

/** The target itself, or the ids of the oldest entries in it. */
async function bounded(
  entries: Entries,
  { states }: Action,
  filter: EntryFilter,
  limit: number | undefined,
): Promise<EntryFilter> {
  if (limit === undefined) return filter
  const pages = []
  for (const state of filter.state === undefined ? states : [filter.state]) {
    pages.push(await entries.list({ ...filter, state, limit }))
  }
  const ids = pages.flatMap((page) => page.entries.map(({ id }) => id))
  // Decimal strings: the shorter is the smaller.
  const oldest = ids.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, limit)
  return { ...filter, ids: oldest }
}

async function countIn(entries: Entries, { states }: Action, target: EntryFilter): Promise<number> {
  let count = 0
  for (const state of target.state === undefined ? states : [target.state]) {
    count += await entries.count({ ...target, state })
  }
  return count
}

async function report({ flags, terminal }: Task, action: Action, count: number): Promise<void> {
  const dryRun = flags.has('dry-run')
  if (flags.has('json')) await terminal.printJson({ command: action.name, dryRun, count })
  else await terminal.print(dryRun ? `would ${action.name} ${entriesOf(count)}` : `${action.done} ${entriesOf(count)}`)
}

function entriesOf(count: number): string {
  return `${count} ${count === 1 ? 'entry' : 'entries'}`
}

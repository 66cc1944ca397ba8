/**
 * `list`: entries in pages, as a table or as JSON lines.
 */
import type { EntryQuery } from '../../entries'
import { columns, entryJson } from '../entry-view'
import { countOf, filterOf } from '../filter'
import { UsageError } from '../parse'
import type { Task } from '../task'
import { Table } from '../text'

// Entries cross with their payload, so a page is small.
const page = 100

/** Prints what matches; where more is left, the cursor goes to standard error. */
export async function list({ flags, words, operator, terminal }: Task): Promise<void> {
  if (words.length > 0) throw new UsageError('list takes no words: show ID has one entry, and flags say which to list')
  if (flags.has('all') && flags.text('limit') !== undefined) throw new UsageError('give --all or --limit, not both')
  const query: EntryQuery = { ...filterOf(flags), cursor: flags.text('cursor') ?? null }
  let left = flags.has('all') ? Number.POSITIVE_INFINITY : (countOf(flags, 'limit', 1_000_000) ?? page)
  const isJson = flags.has('json')
  const table = new Table(columns, terminal.colors)
  await operator.open()
  let shown = 0
  do {
    const found = await operator.entries.list({ ...query, limit: Math.min(left, page) })
    if (isJson) await terminal.print(...found.entries.map((entry) => JSON.stringify(entryJson(entry, 'hidden'))))
    else if (found.entries.length > 0) {
      await terminal.print(...table.page(found.entries, shown === 0 ? 'first' : 'further'))
    }
    shown += found.entries.length
    left -= found.entries.length
    query.cursor = found.cursor
  } while (query.cursor !== null && left > 0)
  if (query.cursor !== null) {
    terminal.say(isJson ? JSON.stringify({ cursor: query.cursor }) : `there may be more: --cursor ${query.cursor}`)
  } else if (shown === 0 && !isJson) terminal.say('no entries')
}

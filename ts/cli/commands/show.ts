/**
 * `show`: all of one entry, its payload on request.
 */
import { entryJson, entryLines } from '../entry-view'
import { idsOf, UsageError } from '../parse'
import { Failure, type Task } from '../task'

/** Prints one entry. */
export async function show({ flags, words, operator, terminal }: Task): Promise<void> {
  const [id, ...others] = idsOf(words)
  if (id === undefined || others.length > 0) throw new UsageError('show needs the id of one entry')
  await operator.open()
  const entry = await operator.entries.get(id)
  if (entry === null) throw new Failure(`there is no entry ${id}`)
  const payload = flags.has('payload') ? 'shown' : 'hidden'
  if (flags.has('json')) await terminal.printJson(entryJson(entry, payload))
  else await terminal.print(...entryLines(entry, payload, terminal.colors))
}

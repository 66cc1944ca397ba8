/**
 * `migrate`: what `initialize()` does to database and tables, by itself and without Kafka.
 */
import type { Plan } from '../../operator'
import { UsageError } from '../parse'
import type { Task } from '../task'

/** Makes or upgrades the tables, or says how. */
export async function migrate(task: Task): Promise<void> {
  const { flags, words, terminal } = task
  if (words.length > 0) throw new UsageError('migrate takes no words')
  const dryRun = flags.has('dry-run')
  const tables = dryRun ? await task.operator.plan() : await migrateTables(task)
  if (flags.has('json')) return terminal.printJson({ command: 'migrate', dryRun, tables })
  await terminal.print(...(dryRun ? planned(tables) : done(tables)))
}

async function migrateTables({ operator }: Task): Promise<Plan> {
  const before = await operator.plan()
  await operator.open()
  // The server of a database that did not exist before could not be asked.
  return { ...before, server: before.server ?? (await operator.plan()).server }
}

/** SQL that an administrator can run as it is; what is said beside it is a comment. */
function planned({ server, found, needed, statements }: Plan): string[] {
  const where = server ?? 'the database does not exist'
  const lines = [`-- ${where}: tables at version ${found}, needed is ${needed}`]
  if (statements.length === 0) return [...lines, '-- nothing to do']
  const [first = '', ...others] = statements.map((statement) => `${statement};`)
  // Which database the rest is for, each server is told in its own way.
  const isDatabase = first.startsWith('CREATE DATABASE')
  return [...lines, first, ...(isDatabase ? ['-- and in this database:'] : []), ...others]
}

function done({ server, found, needed, statements }: Plan): string[] {
  if (statements.length === 0) return [`${server}: the tables are at version ${needed}, nothing was to be done`]
  return [`${server}: the tables are at version ${needed} now, ${found} before`, ...statements.map(headline)]
}

/** `CREATE TABLE "ker_entry"` of a statement with many lines. */
function headline(statement: string): string {
  return `  ${statement.split(/ ?\(/)[0]?.replaceAll(/\s+/g, ' ') ?? ''}`
}

/**
 * `migrate`: what `initialize()` does to database and tables, by itself and without Kafka.
 */
import type { AdoptionReport } from '../../adoption'
import type { Plan } from '../../operator'
import { UsageError } from '../parse'
import { Failure, type Task } from '../task'
import { visible } from '../text'

/** Makes or upgrades the tables, or says how; then, if asked to, the same for the rows that 2.x gave up. */
export async function migrate(task: Task): Promise<void> {
  const { flags, words, terminal } = task
  if (words.length > 0) throw new UsageError('migrate takes no words')
  const dryRun = flags.has('dry-run')
  const tables = dryRun ? await task.operator.plan() : await migrateTables(task)
  const adoption = flags.has('adopt-dead') ? await adopt(task, dryRun, tables) : undefined
  if (flags.has('json')) return terminal.printJson({ command: 'migrate', dryRun, tables, adoption })
  await terminal.print(...(dryRun ? planned(tables) : done(tables)), ...adoptionLines(adoption, dryRun))
}

async function adopt({ operator }: Task, dryRun: boolean, tables: Plan): Promise<AdoptionReport> {
  if (dryRun && tables.statements.length > 0)
    throw new Failure('the rows of 2.x can be looked at once there are tables')
  if (dryRun) await operator.open()
  return operator.adoptDead(dryRun)
}

function adoptionLines(adoption: AdoptionReport | undefined, dryRun: boolean): string[] {
  if (adoption === undefined) return []
  const before = dryRun ? '-- ' : ''
  const spent = adoption.topics.filter((topic) => topic.spent > 0)
  const total = spent.reduce((sum, topic) => sum + topic.spent, 0)
  const title = dryRun
    ? `rows of 2.x to adopt as dead entries: ${total}`
    : `rows of 2.x that are dead entries now: ${adoption.adopted}`
  const topics = spent.map((topic) => `${before}  ${topic.source}: ${visible(topic.topic)} ${topic.spent}`)
  return [`${before}${title}`, ...topics]
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

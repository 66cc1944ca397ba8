// The databases as the checker sees them: through their own command-line clients, not through our code.
import { execFile, spawn } from 'node:child_process'
import process from 'node:process'
import { promisify } from 'node:util'
import { findProgram, requireProgram } from '../../scripts/services/programs.mjs'

const execute = promisify(execFile)
const MOST_OUTPUT = 1 << 28
const TIME_LIMIT_MS = 60_000

export const hasSqliteClient = () => findProgram('sqlite3') !== undefined

export function mariadbClient(port) {
  const server = [
    '--no-defaults',
    '--protocol=tcp',
    '--host=127.0.0.1',
    `--port=${port}`,
    '--user=root',
    '--password=root',
  ]
  const quiet = ['--skip-ssl', '--batch', '--raw', '--skip-column-names', '--unbuffered']
  return client([requireProgram('mariadb'), ...server, ...quiet])
}

export function postgresClient(port) {
  const server = [
    '--host=127.0.0.1',
    `--port=${port}`,
    '--username=postgres',
    '--no-psqlrc',
    '--quiet',
    '--tuples-only',
  ]
  const format = ['--no-align', '--field-separator=\t', '--set=ON_ERROR_STOP=1']
  return client([requireProgram('psql'), ...server, ...format], { PGPASSWORD: 'postgres' }, ['--dbname'])
}

export function sqliteClient() {
  return client([requireProgram('sqlite3'), '-batch', '-bail', '-cmd', '.timeout 20000', '-separator', '\t'])
}

/** `flag`: how the client is told the database; without one its name is the argument. */
function client([program, ...args], env = {}, flag = []) {
  const options = { env: { ...process.env, ...env }, maxBuffer: MOST_OUTPUT, timeout: TIME_LIMIT_MS }
  const command = (database) => [...args, ...flag, database]
  return {
    /** Runs statements; returns the rows of all of them as arrays of texts, null as ''. */
    async rows(database, sql) {
      const running = execute(program, command(database), options)
      running.child.stdin.on('error', () => {}) // the client could not connect, which its exit tells
      running.child.stdin.end(sql)
      const { stdout } = await running
      const lines = stdout.split('\n').filter((line) => line !== '')
      return lines.map((line) => line.split('\t').map((cell) => (cell === 'NULL' ? '' : cell)))
    },
    /** A session that stays open, for locks; `end` rolls back what it holds. */
    async session(database, sql) {
      const child = spawn(program, command(database), { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
      const answered = new Promise((resolve) => child.stdout.once('data', resolve))
      child.stdin.write(`${sql}\n`)
      await answered
      return { end: () => child.kill('SIGKILL') }
    },
  }
}

const NUMBERS = [
  'seq',
  'entry',
  'old_generation',
  'generation',
  'failed_generation',
  'old_due',
  'due',
  'old_attempt',
  'attempt',
]
const TEXTS = [
  'op',
  'data_id',
  'old_state',
  'new_state',
  'reason',
  'life',
  'old_token',
  'token',
  'old_recent',
  'recent',
  'who',
]
const PLACES = ['copy_partition', 'copy_offset', 'clock']
const COLUMNS = [...NUMBERS, ...TEXTS, ...PLACES]

/** The history of a namespace's entries, oldest first. */
export async function auditOf(client, database, namespace) {
  const sql = `SELECT ${COLUMNS.join(', ')} FROM ker_audit WHERE namespace = '${namespace}' ORDER BY seq;`
  const rows = await client.rows(database, sql)
  return rows.map((cells) => Object.fromEntries(cells.map((cell, n) => [camel(COLUMNS[n]), valueOf(COLUMNS[n], cell)])))
}

/** The entries of a namespace as they stand. */
export async function entriesOf(client, database, namespace) {
  const columns = 'id, data_id, state, reason, retry_count, generation, failed_generation'
  const sql = `SELECT ${columns} FROM ker_entry WHERE namespace = '${namespace}' ORDER BY id;`
  const rows = await client.rows(database, sql)
  return rows.map(([id, dataId, state, reason, retryCount, generation, failedGeneration]) => ({
    id: Number(id),
    dataId,
    state,
    reason,
    retryCount: Number(retryCount),
    generation: Number(generation),
    failedGeneration: Number(failedGeneration),
  }))
}

function valueOf(column, cell) {
  if (TEXTS.includes(column)) return cell
  return cell === '' ? null : Number(cell)
}

function camel(column) {
  return column.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase())
}

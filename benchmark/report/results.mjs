// The figures of every run, as JSON beside the benches; of what was measured twice the later counts. Who wants to begin
// anew deletes the folder.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../results/', import.meta.url))

/** Written after every measurement, so that a run that is cut short leaves what it has. */
export function openResults(bench, head, into = folder) {
  const byDatabase = new Map()
  const stamp = head.date.replaceAll(/\D/g, '')
  const write = (database, isWhole) => {
    mkdirSync(into, { recursive: true })
    const results = { bench, database, isWhole, ...head, rows: byDatabase.get(database) }
    writeFileSync(path.join(into, `${bench}-${database}-${stamp}.json`), `${JSON.stringify(results, null, 2)}\n`)
  }
  return {
    add: (row) => {
      byDatabase.set(row.database, [...(byDatabase.get(row.database) ?? []), row])
      write(row.database, false)
    },
    finish: () => {
      for (const database of byDatabase.keys()) write(database, true)
    },
  }
}

const order = ['MariaDB', 'PostgreSQL', 'SQLite']

/** The runs that something counts of, each with the rows that count. */
export function lastResults(bench) {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((file) => file.startsWith(`${bench}-`))
  const results = files.map((file) => JSON.parse(readFileSync(folder + file, 'utf8')))
  const seen = new Set()
  for (const result of results.toSorted((a, b) => b.date.localeCompare(a.date))) {
    result.rows = result.rows.filter((row) => isFirst(seen, row))
  }
  return results
    .filter(({ rows }) => rows.length > 0)
    .toSorted((a, b) => order.indexOf(a.database) - order.indexOf(b.database) || a.date.localeCompare(b.date))
}

/** All that counts, in the order of tables. */
export function lastRows(bench) {
  return lastResults(bench)
    .flatMap(({ rows }) => rows)
    .toSorted((a, b) => place(a) - place(b))
}

function place({ database, size = 0, callers = 0 }) {
  return order.indexOf(database) * 1e12 + size * 1e3 + callers
}

/** Rows that measure the same thing have the same labels. */
function isFirst(seen, { database, size, callers, place, contender, work, results }) {
  const labels = JSON.stringify([database, size, callers, place, contender, work, results && 'ours' in results])
  return !seen.has(labels) && Boolean(seen.add(labels))
}

// The figures of the last run of each bench on each database, as JSON beside the benches.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../results/', import.meta.url))

/** Written after every measurement, so that a run that is cut short leaves what it has. */
export function openResults(bench, head, into = folder) {
  const byDatabase = new Map()
  const write = (database, isWhole) => {
    mkdirSync(into, { recursive: true })
    const results = { bench, database, isWhole, ...head, rows: byDatabase.get(database) }
    writeFileSync(path.join(into, `${bench}-${database}.json`), `${JSON.stringify(results, null, 2)}\n`)
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

/** What was measured last, one for each database. */
export function lastResults(bench) {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((file) => file.startsWith(`${bench}-`))
  const results = files.map((file) => JSON.parse(readFileSync(folder + file, 'utf8')))
  return results.toSorted((a, b) => order.indexOf(a.database) - order.indexOf(b.database))
}

/** All their rows. */
export function lastRows(bench) {
  return lastResults(bench).flatMap(({ rows }) => rows)
}

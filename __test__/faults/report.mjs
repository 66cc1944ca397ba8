// What a run shows: failures with their history, tables on the terminal and in docs/RELIABILITY.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const document = path.join(root, 'docs/RELIABILITY.md')
const MOST_VIOLATIONS = 8
const MOST_LINES = 40
const collator = new Intl.Collator('en', { numeric: true }) // T2 before T11

export function shown({ one, store, ran, failures, seconds }) {
  const time = `${seconds.toFixed(1)} s`.padStart(8)
  return `${one.id.padEnd(5)} ${store.padEnd(8)} ${time}  ${ran} trials, ${failures.length} failed: ${one.title}`
}

/** The violations of a failed trial and what was said about their ids; the whole history goes to a file. */
export function showFailure({ name, seed, violations, history, evidence = {} }, print) {
  for (const { invariant, id, text } of violations.slice(0, MOST_VIOLATIONS)) print(`  ${invariant} ${id} ${text}`)
  if (violations.length > MOST_VIOLATIONS) print(`  … and ${violations.length - MOST_VIOLATIONS} more`)
  const ids = new Set(violations.slice(0, MOST_VIOLATIONS).map(({ id }) => id))
  const said = history.filter(({ id, type }) => (id ? ids.has(id) : type !== 'invoke'))
  for (const line of said.slice(-MOST_LINES)) print(`    ${JSON.stringify(line).slice(0, 300)}`)
  const folder = path.join(root, 'target/faults')
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${name}-${seed}.jsonl`)
  const lines = [
    ...history,
    ...Object.entries(evidence).flatMap(([what, list]) => list.map((one) => ({ what, ...one }))),
  ]
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  print(`  the whole history: ${path.relative(root, file)}`)
}

export function caseRows(results) {
  const rows = results.map(({ one, store, ran, failures }) => [
    one.guarantee,
    one.id,
    one.title,
    store,
    String(ran),
    String(failures.length),
  ])
  return [['guarantee', 'test', 'what is done', 'store', 'trials', 'failures'], ...rows]
}

const byWhich = ({ case: id, store, trials, invariants }) =>
  `${id} on ${store} (${trials} trials: ${invariants.join(', ')})`

export function bugRows(results) {
  const rows = results.map(({ bug, caught }) => [
    bug.id,
    bug.what,
    caught.length === 0 ? 'NOT CAUGHT' : caught.map(byWhich).join('; '),
  ])
  return [['bug', 'what is wrong', 'caught by'], ...rows]
}

/** Markdown, with columns as Prettier aligns them. */
export function table([head, ...rows]) {
  const width = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column].length)))
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(width[column])).join(' | ')} |`
  return [line(head), line(width.map((count) => '-'.repeat(count))), ...rows.map(line)]
}

/**
 * Puts rows into the block of this name, between its two comments. Those of an earlier run with the same `key` columns are
 * replaced, others stay: a run of one case writes down one case.
 */
export function write(name, [head, ...rows], key) {
  const text = readFileSync(document, 'utf8')
  const [begin, end] = [`<!-- ${name}: written by the command -->`, `<!-- ${name}: end -->`]
  const [before, rest] = text.split(begin)
  const [block, after] = rest?.split(end) ?? []
  if (after === undefined) throw new Error(`docs/RELIABILITY.md has no block ${name}`)
  const earlier = block
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map(cells)
  const keyOf = (row) => key.map((column) => row[column]).join(' ')
  const merged = new Map([...earlier, ...rows].map((row) => [keyOf(row), row]))
  const sorted = [...merged.values()].toSorted((left, right) => collator.compare(keyOf(left), keyOf(right)))
  writeFileSync(document, `${before}${begin}\n\n${table([head, ...sorted]).join('\n')}\n\n${end}${after}`)
}

function cells(line) {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

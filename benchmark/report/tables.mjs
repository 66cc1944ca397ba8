// Writes the figures of the last runs into docs/BENCHMARKS.md, between two marks.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { machine } from './machine.mjs'
import { lastResults, lastRows } from './results.mjs'
import { sections } from './sections.mjs'
import { targetRows } from './targets.mjs'

const file = fileURLToPath(new URL('../../docs/BENCHMARKS.md', import.meta.url))
const MARKS = ['<!-- figures: written by `npm run bench -- tables` -->', '<!-- end of the figures -->']

export async function writeTables() {
  const text = readFileSync(file, 'utf8')
  const [from, to] = MARKS.map((mark) => text.indexOf(mark))
  if (from < 0 || to < from) throw new Error(`${file} has no place for the figures`)
  const made = `${text.slice(0, from)}${MARKS[0]}\n\n${figures()}\n\n${text.slice(to)}`
  writeFileSync(file, await format(made, { ...(await resolveConfig(file)), parser: 'markdown' }))
}

function figures() {
  const { processor, cores, memoryGb, system, node } = machine()
  const where = `${processor}, ${cores} cores, ${memoryGb} GB, ${system}, Node ${node}.`
  const parts = [where, table(['target', 'measured', 'reached'], targetRows())]
  for (const { bench, title, head, rows } of sections) {
    const results = lastResults(bench)
    const lines = rows(lastRows(bench))
    if (lines.length > 0) parts.push(`### ${title}`, [...new Set(results.map(origin))].join('\n'), table(head, lines))
  }
  return parts.join('\n\n')
}

/** Where the figures of one database come from. */
function origin({ command, date, commit, build, load, isWhole, database, rows }) {
  const version = rows[0].version ?? ''
  return [
    `- ${database} ${version}: \`${command}\`, ${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit},`,
    `release build ${build.testing ? 'with' : 'without'} the feature \`testing\`,`,
    `load of the machine before it ${load}${isWhole ? '' : '; cut short'}.`,
  ].join(' ')
}

const line = (cells) => `| ${cells.join(' | ')} |`

function table(head, rows) {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

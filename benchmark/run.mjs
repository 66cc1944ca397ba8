// Usage: npm run bench -- BENCH [--option value …]
// Runs one bench, prints a line for each measurement and keeps the figures in results/, from where
// `npm run bench -- tables` makes the tables of docs/BENCHMARKS.md.
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { readOptions } from './arguments.mjs'
import { startServers } from './measure/servers.mjs'
import { machine } from './report/machine.mjs'
import { openResults } from './report/results.mjs'

const [name, ...given] = process.argv.slice(2)
const begin = performance.now()
const say = (text) =>
  process.stdout.write(`${((performance.now() - begin) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`)
const benches = readdirSync(new URL('benches', import.meta.url)).map((file) => file.replace('.mjs', ''))

if (name === 'tables') {
  const { writeTables } = await import('./report/tables.mjs')
  await writeTables()
} else if (benches.includes(name)) {
  await runBench(await import(`./benches/${name}.mjs`))
} else {
  process.stdout.write(`which? ${benches.join(', ')}, or tables\n`)
  process.exitCode = 1
}

async function runBench(bench) {
  // `--results` is another folder than results/, for whoever must not replace the figures there.
  const { results: into, ...options } = readOptions(given, { ...bench.defaults, results: '' })
  const head = { command: ['npm run bench --', name, ...given].join(' '), options, ...machine() }
  const results = openResults(name, head, into || undefined)
  const { addresses, stop } = await startServers(bench.servers(options), say)
  try {
    await bench.run(options, { addresses, say, save: results.add })
    results.finish()
  } finally {
    await stop()
  }
}

// Usage: node __test__/faults/run.mjs [--profile short|long] [--suite T1.1,G8] [--store sqlite,mariadb] [--trials N]
//          [--seed S] [--budget-s N] [--bugs] [--write]
// Kills, freezes and cuts off what the package works with, and checks its promises afterwards: docs/RELIABILITY.md.
// --write puts the tables of this run into that document. The last line is "N passed, N failed".
import { randomInt } from 'node:crypto'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { Bench } from './bench.mjs'
import { bugs, cases } from './cases/every-case.mjs'
import { bugRows, caseRows, shown, showFailure, table, write } from './report.mjs'

const STORES = ['sqlite', 'mariadb', 'postgres']
const SHORT_STORES = ['sqlite', 'mariadb']
const BUG_TRIALS = 20
const BUG_PATIENCE_MS = 20_000
const print = (line) => process.stdout.write(`${line}\n`)

const { values: given } = parseArgs({
  options: {
    profile: { type: 'string', default: 'long' },
    suite: { type: 'string' },
    store: { type: 'string' },
    trials: { type: 'string' },
    seed: { type: 'string' },
    'budget-s': { type: 'string' },
    bugs: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
if (!['short', 'long'].includes(given.profile)) throw new Error('--profile is short or long')

const seed = given.seed === undefined ? randomInt(1_000_000_000) : Number(given.seed)
const command = 'node __test__/faults/run.mjs'
const total = { passed: 0, failed: 0 }
const skipped = []
const bench = new Bench({
  say: print,
  report: (one, store, failure) => {
    print(
      `FAILED ${one.id} ${store}, again with: ${command} --suite ${one.id} --store ${store} --trials 1 --seed ${failure.seed}`,
    )
    showFailure({ name: `${one.id}-${store}`, ...failure }, print)
  },
})

/** Cases and stores that were asked for and can run here; what cannot is said, and with REQUIRE_SERVICES=1 has failed. */
function* runs(isWanted) {
  const stores = given.store?.split(',') ?? (given.profile === 'short' ? SHORT_STORES : STORES)
  for (const one of cases.filter(isWanted)) {
    for (const store of (one.stores ?? STORES).filter((store) => stores.includes(store))) {
      const obstacle = bench.obstacle(one, store)
      if (obstacle === undefined) {
        yield { one, store }
        continue
      }
      print(`SKIPPED ${one.id} ${store}: ${obstacle}`)
      skipped.push(`${one.id} on ${store}: ${obstacle}`)
      if (process.env.REQUIRE_SERVICES === '1' && !one.needs) total.failed++
    }
  }
}

function isInSuite({ id, guarantee, trials }) {
  if (given.suite) return given.suite.split(',').some((name) => name === id || name === guarantee)
  return trials[given.profile] > 0
}

async function runCases() {
  const planned = [...runs(isInSuite)]
  const end = given['budget-s'] === undefined ? Infinity : Date.now() + Number(given['budget-s']) * 1_000
  const results = []
  for (const [n, { one, store }] of planned.entries()) {
    const trials = Number(given.trials ?? (one.trials[given.profile] || one.trials.long))
    // What is left of the time is shared by the runs that are left.
    const until = end === Infinity ? Infinity : Date.now() + Math.max(0, end - Date.now()) / (planned.length - n)
    const result = { one, store, ...(await bench.run(one, store, { trials, seed, until })) }
    results.push(result)
    const isGood = result.failures.length === 0 && result.ran > 0
    total[isGood ? 'passed' : 'failed']++
    print(`${isGood ? 'ok    ' : 'FAILED'} ${shown(result)}`)
  }
  print('')
  for (const line of table(caseRows(results))) print(line)
  return results
}

async function runBugs() {
  const results = []
  for (const bug of bugs.filter(({ id }) => !given.suite || given.suite.split(',').includes(id))) {
    const caught = []
    for (const { one, store } of runs(({ id }) => bug.cases.includes(id))) {
      const quiet = new Set()
      const env = { KER_BUG: bug.id }
      const { ran, failures } = await silently(() =>
        bench.run(one, store, { trials: BUG_TRIALS, seed, env, patience: BUG_PATIENCE_MS, stopAtFirst: true }),
      )
      for (const { violations } of failures) for (const { invariant } of violations) quiet.add(invariant)
      if (failures.length > 0) caught.push({ case: one.id, store, trials: ran, invariants: [...quiet] })
      print(
        `${failures.length > 0 ? 'caught' : 'MISSED'} ${bug.id} by ${one.id} on ${store}, ${ran} trials: ${[...quiet].join(', ')}`,
      )
    }
    total[caught.length > 0 ? 'passed' : 'failed']++
    results.push({ bug, caught })
  }
  print('')
  for (const line of table(bugRows(results))) print(line)
  return results
}

/** A planted bug is meant to be found: its failures are no news. */
async function silently(work) {
  const { report } = bench
  bench.report = () => {}
  try {
    return await work()
  } finally {
    bench.report = report
  }
}

print(`seed ${seed}`)
try {
  if (given.bugs) {
    const results = await runBugs()
    if (given.write) write('bugs', bugRows(results), [0])
  } else {
    const results = await runCases()
    if (given.write) write('cases', caseRows(results), [1, 3])
  }
} catch (error) {
  print(error.stack)
  total.failed++
} finally {
  await bench.stop()
}
for (const line of skipped) print(`SKIPPED ${line}`)
print(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0

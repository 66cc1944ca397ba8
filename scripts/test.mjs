// Usage: npm test [-- [--rust] [--node] [-- ARGUMENTS FOR AVA]]
// Everything from a fresh clone to the number of passed tests, which is the last line: "N passed, N failed".
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { servicesGiven, startEveryService } from './services/every-service.mjs'
import { installMissing } from './services/install.mjs'
import { signalTree } from './services/process-tree.mjs'
import { findProgram, pathWithCargo } from './services/programs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const print = (line) => process.stdout.write(`${line}\n`)
const say = (text) => print(`== ${text}`)
const total = { passed: 0, failed: 0 }
const durations = []
let current // the program that runs now

/** Adds up the "test result: …" lines of `cargo test`, one for each test program and each crate's documentation. */
export function cargoReader() {
  const counts = { passed: 0, failed: 0 }
  return {
    counts,
    read(line) {
      print(line)
      const result = /^test result: \S+ (\d+) passed; (\d+) failed;/.exec(stripVTControlCharacters(line))
      if (!result) return
      counts.passed += Number(result[1])
      counts.failed += Number(result[2])
    },
  }
}

/** Reads ava's TAP: failures are shown in full as they come, passed tests as one line for each file at the end. */
export function tapReader(show = print) {
  const counts = { passed: 0, failed: 0 }
  const files = new Map()
  let showing = false
  return {
    counts,
    files,
    read(line) {
      const test = /^(not )?ok \d+ - (.*)$/.exec(stripVTControlCharacters(line))
      if (!test) {
        // What follows a failure belongs to it, up to the next test or the plan at the end.
        if (/^(1\.\.|# (tests|pass|skip|fail) \d)/.test(line)) showing = false
        else if (showing || line.startsWith('Bail out!')) show(line)
        return
      }
      const [, not, title] = test
      const left = /# (SKIP|TODO)\b/.test(title)
      showing = Boolean(not) && !left
      if (showing) show(line)
      if (left) return
      const file = title.includes(' › ') ? title.split(' › ')[0] : 'ava'
      const outcome = not ? 'failed' : 'passed'
      if (!files.has(file)) files.set(file, { passed: 0, failed: 0 })
      files.get(file)[outcome]++
      counts[outcome]++
    },
  }
}

/** Runs a program with its output shown as it comes; resolves with its exit code. */
function run(program, args, { env = {}, read } = {}) {
  return new Promise((resolve) => {
    current = spawn(program, args, {
      cwd: root,
      env: { ...process.env, PATH: pathWithCargo(), ...env },
      stdio: ['ignore', read ? 'pipe' : 'inherit', 'inherit'],
    })
    current.once('error', (error) => {
      say(`${program}: ${error.message}`)
      resolve(127)
    })
    if (read) createInterface({ input: current.stdout }).on('line', read)
    // "close", not "exit": the last lines may still be on their way.
    current.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

/** A step that fails without a failed test of its own counts as one failure. Says whether all is well. */
async function step(title, work) {
  say(title)
  const begin = performance.now()
  let { passed = 0, failed = 0, code = 0 } = await work()
  if (code !== 0 && failed === 0) failed = 1
  if (failed > 0) say(`${title}: FAILED`)
  total.passed += passed
  total.failed += failed
  durations.push([title, (performance.now() - begin) / 1_000])
  return failed === 0
}

function modulesAreStale() {
  return changeTime('node_modules/.package-lock.json') < changeTime('package-lock.json')
}

function changeTime(file) {
  return statSync(path.join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function thereAreNodeTests() {
  const folder = path.join(root, '__test__')
  return existsSync(folder) && readdirSync(folder, { recursive: true }).some((file) => /\.(spec|test)\./.test(file))
}

async function testRust(env) {
  const { counts, read } = cargoReader()
  const code = await run('cargo', ['test', '--release', '--no-fail-fast', '--features', 'testing'], { env, read })
  return { ...counts, code }
}

async function testNode(env, avaArguments) {
  if (!thereAreNodeTests()) {
    say('there are no test files for ava yet') // which ava itself takes for a failure
    return {}
  }
  const { counts, files, read } = tapReader()
  const code = await run(path.join(root, 'node_modules/.bin/ava'), ['--tap', ...avaArguments], { env, read })
  for (const [file, { passed, failed }] of files) {
    print(`${failed ? 'FAILED' : 'ok    '} ${file}: ${passed} passed${failed ? `, ${failed} failed` : ''}`)
  }
  return { ...counts, code }
}

/** The short profile of the fault bench, with servers of its own: it kills them. A slow machine makes fewer trials. */
async function testFaults() {
  const counts = { passed: 0, failed: 0 }
  const read = (line) => {
    print(line)
    const result = /^(\d+) passed, (\d+) failed$/.exec(line)
    if (result) Object.assign(counts, { passed: Number(result[1]), failed: Number(result[2]) })
  }
  const code = await run(process.execPath, ['__test__/faults/run.mjs', '--profile', 'short', '--budget-s', '600'], {
    read,
  })
  return { ...counts, code }
}

/**
 * `npm ci` insists on an entry for every operating system's variant of a native package, also for those it would not
 * install. A registry mirror that lacks some of them makes it refuse; `npm install` takes the locked versions all the
 * same, and `--no-save` leaves the lock file alone.
 */
async function installModules() {
  if ((await run('npm', ['ci'])) === 0) return { code: 0 }
  say('npm ci refused, see above; trying npm install --no-save')
  return { code: await run('npm', ['install', '--no-save']) }
}

async function build() {
  if (modulesAreStale() && !(await step('npm ci', installModules))) return false
  return step('build', async () => ({ code: await run('npm', ['run', 'build:test']) }))
}

async function testAll({ rust, node, avaArguments }) {
  const lacking = installMissing({ say, except: servicesGiven() })
  if (!findProgram('cargo')) {
    say('cargo is missing. Install Rust with rustup (its site is rustup.rs), then run this again.')
    total.failed++
    return
  }
  if (node && !(await build())) return
  let services
  await step('services', async () => {
    services = await startEveryService({ say, lacking })
    const unwelcome = process.env.REQUIRE_SERVICES === '1' ? services.missing.length : 0
    return { failed: services.failed.length + unwelcome }
  })
  if (rust) await step('Rust tests', () => testRust(services.environment))
  if (node) await step('Node tests', () => testNode(services.environment, avaArguments))
  await services.stop()
  // With arguments for ava somebody wants certain tests only.
  if (node && avaArguments.length === 0) await step('fault bench, short profile', testFaults)
}

function readArguments(given) {
  const end = given.includes('--') ? given.indexOf('--') : given.length
  const own = given.slice(0, end)
  const unknown = own.filter((argument) => !['--rust', '--node'].includes(argument))
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(' ')} (arguments for ava come after a further --)`)
  const everything = own.length === 0
  return {
    rust: everything || own.includes('--rust'),
    node: everything || own.includes('--node'),
    avaArguments: given.slice(end + 1),
  }
}

async function main() {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    // The services need no care here: their guards end them as soon as this process is gone.
    process.once(signal, () => {
      if (current?.exitCode === null && current.pid) signalTree(current.pid, signal)
      process.exit(128 + constants.signals[signal])
    })
  }
  try {
    await testAll(readArguments(process.argv.slice(2)))
  } catch (error) {
    say(error.stack)
    total.failed++
  }
  for (const [title, seconds] of durations) print(`${seconds.toFixed(1).padStart(8)} s  ${title}`)
  print(`${total.passed} passed, ${total.failed} failed`)
  process.exitCode = total.failed > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()

// Usage: npm run demo
// Installs and builds what is missing, with its progress shown, then runs the demonstration.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { pathWithCargo } from './services/programs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const env = { ...process.env, PATH: pathWithCargo() }

function run(what, program, args) {
  process.stdout.write(`== ${what}\n`)
  const { status, error } = spawnSync(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) process.stdout.write(`${program}: ${error.message}\n`)
  return status === 0
}

function must(what, program, args) {
  if (run(what, program, args)) return
  process.stdout.write(`== ${what} failed, see above\n`)
  process.exit(1)
}

if (!existsSync(path.join(root, 'node_modules/.package-lock.json'))) {
  // Where a registry mirror lacks another system's variant of a native package, `npm ci` refuses altogether.
  if (!run('npm ci', 'npm', ['ci'])) must('npm install', 'npm', ['install', '--no-save'])
}
// A build with nothing to do takes a second; the first one compiles librdkafka, OpenSSL and SQLite, about five minutes.
must('build (the first one takes some minutes)', 'npm', ['run', 'build'])
const { status } = spawnSync(process.execPath, [path.join(root, 'scripts/demo/run.mjs')], {
  cwd: root,
  stdio: 'inherit',
})
process.exit(status ?? 1)

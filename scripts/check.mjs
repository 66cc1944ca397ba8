// Usage: npm run check [-- --fix]
// Format, lints and types of both languages. Shows one line for each check and the output of those that fail.
import { spawn } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { findProgram, pathWithCargo } from './services/programs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const print = (line) => process.stdout.write(`${line}\n`)
const fix = process.argv.includes('--fix')

const clippy = ['clippy', '--release', '--all-targets', '--features', 'testing']
const rustChecks = [
  { program: 'cargo', args: fix ? ['fmt'] : ['fmt', '--check'], needs: 'rustfmt' },
  {
    program: 'cargo',
    args: [...clippy, ...(fix ? ['--fix', '--allow-dirty', '--allow-staged'] : []), '--', '-D', 'warnings'],
    needs: 'clippy',
  },
  { program: 'cargo', args: ['check', '--release', '--no-default-features'] },
  // Advisories come without a change of ours and need a network: CI asks for them, here nobody is stopped by them.
  ...(findProgram('cargo-deny') ? [{ program: 'cargo', args: ['deny', 'check', 'bans', 'licenses', 'sources'] }] : []),
]
const nodeChecks = [
  { program: 'prettier', args: [fix ? '--write' : '--check', '.'] },
  { program: 'oxlint', args: fix ? ['--fix'] : [] },
  // Written to dist/, which the types of the tests and the last two look at.
  { program: 'tsc', args: ['-p', 'tsconfig.json'] },
  { program: 'tsc', args: ['-p', 'tsconfig.types.json'] },
  { program: 'publint', args: ['--strict'] },
  { program: 'attw', args: ['--pack', '.', '--no-emoji'] },
]

/** Why a check cannot run at all, or undefined. */
function obstacle({ program, needs }) {
  if (program === 'cargo' && !findProgram('cargo')) return 'cargo is not installed'
  if (needs && !findProgram(`cargo-${needs.replace('rustfmt', 'fmt')}`)) return notInstalled(needs)
  return undefined
}

function notInstalled(component) {
  return `${component} is not installed: rustup component add ${component}`
}

async function check(one) {
  const title = [one.program, ...one.args].join(' ')
  const begin = performance.now()
  let { code, output } = obstacle(one) ? { code: 1, output: obstacle(one) } : await outputOf(one.program, one.args)
  // rustup puts a stand-in for every component on PATH, also for those that this toolchain does not have.
  if (one.needs && /is not installed for the toolchain/.test(output)) output = notInstalled(one.needs)
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1).padStart(6)
  if (code !== 0) print(output.trimEnd())
  print(`${code === 0 ? 'ok    ' : 'FAILED'} ${seconds} s  ${title}`)
  return code === 0
}

function outputOf(program, args) {
  return new Promise((resolve) => {
    const env = { ...process.env, PATH: pathWithCargo() }
    // Not through npx: without node_modules it would run whatever the registry has under the name of the tool.
    const file = program === 'cargo' ? program : path.join(root, 'node_modules', '.bin', program)
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.once('error', (error) => resolve({ code: 127, output: `${error.message} (npm ci?)` }))
    child.once('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(output).toString() }))
  })
}

/** One after the other: cargo locks its folder anyway. */
async function checkInTurn(checks) {
  const verdicts = []
  for (const one of checks) verdicts.push(await check(one))
  return verdicts
}

const verdicts = (await Promise.all([checkInTurn(rustChecks), checkInTurn(nodeChecks)])).flat()
const failed = verdicts.filter((ok) => !ok).length
print(`checks: ${verdicts.length - failed} passed, ${failed} failed`) // .ci/run reads this line
process.exitCode = failed > 0 ? 1 : 0

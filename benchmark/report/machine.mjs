// What a figure must be read with.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** The machine, the commit and the build. */
export function machine() {
  return {
    date: new Date().toISOString(),
    processor: os.cpus()[0].model.trim(),
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    commit:
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src', 'ts') ? ' and changes' : ''),
    build: build(),
    load: Math.round(os.loadavg()[0] * 10) / 10,
  }
}

function git(...args) {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}

/** Whether the addon has the functions that panic on request, and which file it is. */
function build() {
  const native = require('../../native.js')
  const file = Object.keys(require.cache).find((name) => name.endsWith('.node'))
  const digest = file ? createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12) : ''
  return { testing: 'panicNext' in native, digest }
}

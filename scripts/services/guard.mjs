// A process of its own between an owner (a test run, a developer's session) and the services it started.
//
// The owner holds the other end of this process' standard input and never closes it while it lives. The operating
// system closes it however the owner ends, SIGKILL included, and then this process ends what it started and removes
// the temporary folder. No list of process ids on disk, no searching by name.
//
// Usage: node guard.mjs [PREFIX of the temporary folder to make], then one JSON order a line on standard input.
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { signalTree } from './process-tree.mjs'

const PATIENCE_MS = 5_000
const [temporaryPrefix] = process.argv.slice(2)
const living = new Map()
let ending = false

// Before anything else: an owner can be gone before it gives its first order.
process.stdin.on('error', end)
process.stdout.on('error', end)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
process.on('uncaughtException', (error) => {
  process.stderr.write(`guard: ${error.stack}\n`)
  process.exitCode = 1
  end()
})

const folder = temporaryPrefix ? mkdtempSync(temporaryPrefix) : undefined
tell({ event: 'ready', folder })

createInterface({ input: process.stdin })
  .on('line', (line) => obey(JSON.parse(line)))
  .on('close', end)

function obey(order) {
  if (ending) return
  if (order.do === 'run') run(order)
  if (order.do === 'signal') {
    const child = living.get(order.id)?.child
    if (child) signalTree(child.pid, order.signal)
    tell({ event: 'signalled', id: order.id })
  }
}

function run({ id, command, args, cwd, env, uid, gid, log, endSignal = 'SIGKILL' }) {
  const output = log ? openSync(log, 'a') : 'ignore'
  // `detached`: Ctrl-C in the owner's terminal must reach the owner only, which then decides about the services.
  const child = spawn(command, args, { cwd, env, uid, gid, detached: true, stdio: ['ignore', output, output] })
  if (log) closeSync(output)
  child.once('spawn', () => {
    living.set(id, { child, endSignal })
    tell({ event: 'started', id, pid: child.pid })
  })
  child.once('error', (error) => tell({ event: 'ended', id, error: error.message }))
  child.once('exit', (code, signal) => {
    living.delete(id)
    tell({ event: 'ended', id, code, signal })
    if (ending) finishWhenAlone()
  })
}

function end() {
  if (ending) return
  ending = true
  for (const { child, endSignal } of living.values()) {
    signalTree(child.pid, endSignal)
    signalTree(child.pid, 'SIGCONT') // a service that a test has frozen could not hear anything but SIGKILL
  }
  setTimeout(() => {
    for (const { child } of living.values()) signalTree(child.pid, 'SIGKILL')
  }, PATIENCE_MS)
  finishWhenAlone()
}

function finishWhenAlone() {
  if (living.size > 0) return
  // The retries are for files that a dying grandchild was still writing while the folder was emptied.
  if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  process.exit()
}

function tell(news) {
  process.stdout.write(`${JSON.stringify(news)}\n`)
}

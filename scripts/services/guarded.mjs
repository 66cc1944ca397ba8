// The owner's side of guard.mjs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { signalTree } from './process-tree.mjs'

const guardFile = fileURLToPath(new URL('guard.mjs', import.meta.url))

/**
 * Opens a guard: what it runs ends, and its temporary folder goes, at `close()` or when this process is gone,
 * whichever is first.
 */
export async function openGuard({ temporaryPrefix = '' } = {}) {
  const { NODE_OPTIONS: _forThisProcessOnly, ...env } = process.env
  const guard = spawn(process.execPath, [guardFile, temporaryPrefix], {
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const running = new Map()
  const gone = once(guard, 'exit')
  const stayAwake = awakeOnlyWhileWaiting(guard)
  let folder
  let nextId = 1

  guard.stdin.on('error', () => {}) // a guard that was killed is reported by its exit
  const ready = new Promise((resolve, reject) => {
    guard.once('exit', (code) => reject(new Error(`the guard of the services ended at once (code ${code})`)))
    createInterface({ input: guard.stdout }).on('line', (line) => {
      const news = JSON.parse(line)
      if (news.event === 'ready') resolve((folder = news.folder))
      else running.get(news.id)?.[news.event](news)
    })
  })

  let closing = false
  guard.once('exit', () => {
    // Somebody killed the guard itself: the services are orphans now, and only this process still knows them.
    for (const child of running.values()) {
      if (!closing && child.pid) signalTree(child.pid, 'SIGKILL')
      child.ended({ error: 'the guard of the services is gone' })
    }
    if (!closing && folder) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  })

  await stayAwake(ready)

  return {
    folder,
    /** Starts a program; resolves when it runs, with its pid, a promise of its end and a way to signal it. */
    async run(command, args, options = {}) {
      const id = nextId++
      const child = { pid: undefined }
      running.set(id, child)
      const started = new Promise((resolve) => (child.started = resolve))
      const ended = new Promise((resolve) => (child.ended = resolve))
      guard.stdin.write(`${JSON.stringify({ do: 'run', id, command, args, env, ...options })}\n`)
      const first = await stayAwake(Promise.race([started, ended]))
      void ended.then(() => running.delete(id))
      if (first.error) throw new Error(`${command}: ${first.error}`)
      child.pid = first.pid
      return {
        pid: first.pid,
        ended,
        waitForEnd: () => stayAwake(ended),
        async signal(signal) {
          const signalled = new Promise((resolve) => (child.signalled = resolve))
          guard.stdin.write(`${JSON.stringify({ do: 'signal', id, signal })}\n`)
          await stayAwake(Promise.race([signalled, ended]))
        },
      }
    },
    async close() {
      closing = true
      guard.stdin.end()
      await stayAwake(gone)
    },
  }
}

/**
 * A running service must not keep its owner awake: a test process that is through has to end by itself. Only while
 * somebody waits for the guard's answer, its handles count.
 */
function awakeOnlyWhileWaiting(guard) {
  const handles = [guard, guard.stdin, guard.stdout]
  let waiting = 0
  return async (promise) => {
    if (waiting++ === 0) for (const handle of handles) handle.ref()
    try {
      return await promise
    } finally {
      if (--waiting === 0) for (const handle of handles) handle.unref()
    }
  }
}

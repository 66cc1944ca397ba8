// What the three services have in common: a folder, a port on loopback, a guarded process, and real answers.
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from './free-port.mjs'
import { openGuard } from './guarded.mjs'

const START_LIMIT_MS = 180_000
const STOP_LIMIT_MS = 20_000
const ENDING_SIGNALS = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT'])

/**
 * Starts a service described by
 *   account      uid and gid to run as, empty for the caller's own
 *   prepare      ({folder, port, run, write}) => makes the data folder, once in the life of the folder
 *   files        name to text: private files of the service beside its data, such as keys
 *   program      ({folder, port}) => [command, ...arguments]
 *   answers      (port) => resolves when the service gave a real answer
 *   stopSignal   asks for an orderly end
 *   endSignal    ends it at once, when its folder is thrown away anyway
 */
export async function startPrivateService(name, { folder: givenFolder, port: givenPort, ...service }) {
  const { account = {}, endSignal = 'SIGKILL', stopSignal = 'SIGTERM' } = service
  const temporaryPrefix = givenFolder ? '' : path.join(os.tmpdir(), `kafka-error-retry-${name}-`)
  const guard = await openGuard({ temporaryPrefix })
  const folder = guard.folder ?? path.resolve(givenFolder)
  const log = path.join(folder, `${name}.log`)
  const options = { cwd: folder, log, ...account, endSignal }
  let child

  async function launch() {
    const [command, ...args] = service.program({ folder, port })
    child = await guard.run(command, args, options)
    await untilItAnswers({ name, child, log, answers: () => service.answers(port) })
  }

  async function run(command, ...args) {
    const preparing = await guard.run(command, args, options)
    const { code, signal, error } = await preparing.waitForEnd()
    if (code !== 0) throw new Error(`${name}: ${command} ended with ${error ?? signal ?? code}\n${lastLines(log)}`)
  }

  function write(file, text, mode = 0o644) {
    writeFileSync(path.join(folder, file), text, { mode })
    handOver(path.join(folder, file))
  }

  function writePrivate(files) {
    for (const [file, text] of Object.entries(files)) write(file, text, 0o600)
  }

  /** Whatever the umask: what this process makes must be readable for the account of the service. */
  function handOver(place) {
    if (account.uid !== undefined) chownSync(place, account.uid, account.gid)
  }

  async function endInOrder() {
    await child.signal(stopSignal)
    await child.signal('SIGCONT') // in case a test has frozen it
    if (await endsWithin(child, STOP_LIMIT_MS)) return
    await child.signal('SIGKILL')
    await child.waitForEnd()
  }

  let port
  try {
    port = givenPort ?? (await freePort())
    mkdirSync(folder, { recursive: true })
    handOver(folder)
    appendFileSync(log, '')
    writePrivate(service.files ?? {})
    // Written last, so that an interrupted preparation is never taken for a finished one.
    const prepared = path.join(folder, 'prepared')
    if (!existsSync(prepared)) {
      await service.prepare({ folder, port, run, write })
      writeFileSync(prepared, '')
    }
    await launch()
  } catch (error) {
    await guard.close()
    throw error
  }

  return {
    name,
    port,
    folder,
    log,
    get pid() {
      return child.pid
    },
    /** Ends the service; a temporary folder goes with it, a given one stays. */
    async stop() {
      if (givenFolder) await endInOrder()
      await guard.close()
    },
    /** Signals this service and its own children only; with a signal that ends, resolves when it has ended. */
    async kill(signal = 'SIGKILL') {
      await child.signal(signal)
      if (ENDING_SIGNALS.has(signal)) await child.waitForEnd()
    },
    /** Stops it (if it still runs) and starts it on the same folder and port; `files` replace those of before. */
    async restart({ files = {} } = {}) {
      await endInOrder()
      writePrivate(files)
      await launch()
    },
  }
}

async function untilItAnswers({ name, child, log, answers }) {
  let end
  void child.ended.then((news) => (end = news))
  let lastRefusal
  for (const limit = Date.now() + START_LIMIT_MS; Date.now() < limit; await pause(100)) {
    if (end) throw new Error(`${name} ended while starting (${end.signal ?? end.code})\n${lastLines(log)}`)
    try {
      return await answers()
    } catch (error) {
      lastRefusal = error
    }
  }
  const seconds = START_LIMIT_MS / 1_000
  throw new Error(`${name} gave no answer within ${seconds} s: ${lastRefusal?.message}\n${lastLines(log)}`)
}

async function endsWithin(child, milliseconds) {
  const giveUp = new AbortController()
  const timer = pause(milliseconds, false, { signal: giveUp.signal }).catch(() => false)
  const ended = await Promise.race([child.waitForEnd().then(() => true), timer])
  giveUp.abort()
  return ended
}

function lastLines(log) {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-30).join('\n')
}

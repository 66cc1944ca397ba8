// A process that brings a handler into a state and then ends in a way. Arguments: options, state, way.
// It says "ready" before the state is reached as far as it can be, goes on at the first line on its standard input, says
// "now", and does what `way` says; where the way is a signal, whoever started it sends that.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'

const require = createRequire(import.meta.url)
const { KafkaErrorHandler } = require('../../index.js')

const [options, state, way] = process.argv.slice(2)
const handler = new KafkaErrorHandler(JSON.parse(options))
const ignore = () => undefined
const say = (word) => process.stdout.write(`${word}\n`)

/** Entries that are due at once, so that some are in flight when the process ends. */
async function reach() {
  if (state === 'created' || state === 'initializing') return
  await handler.initialize()
  if (state === 'idle') return
  const due = Array.from({ length: 300 }, (_, n) => ({
    topic: 'orders',
    value: `${n}`,
    dataId: `${process.pid}-${n}`,
    policy: { maxDelay: 1 },
  }))
  await handler.pushError(due)
  await handler.runRetryTask()
  if (process.env.IN_FLIGHT === '1') while ((await handler.stats()).entries.leased === 0) await pause(5)
}

/** What begins now and is not waited for. */
function begin() {
  if (state === 'initializing') handler.initialize().catch(ignore)
  if (state === 'closing') handler.close().catch(ignore)
}

const ways = {
  returns: ignore,
  exit: () => process.exit(0),
  // A listener of ours is called from the drain of the native half's events.
  'exit in a listener': () => {
    handler.on('stored', () => process.exit(0))
    handler.pushError({ topic: 'orders', value: 'v', dataId: `${process.pid}` }).catch(() => process.exit(0))
  },
  'exit in exit': () => {
    process.on('exit', () => process.exit(0))
    process.exit(1)
  },
  'uncaught exception': () => setImmediate(() => throwIt()),
  'unhandled rejection': () => void Promise.reject(new Error('expected by the test')),
  abort: () => process.abort(),
  'never settles': () => new Promise(ignore),
  'stdin ends': () => process.stdin.resume().once('end', () => handler.close()),
  // The driver sends the signal; until then something else keeps the process alive.
  SIGINT: () => setInterval(ignore, 1000),
  SIGTERM: () => setInterval(ignore, 1000),
  'SIGTERM heard': () => {
    process.on('SIGTERM', () => process.exit(7))
    setInterval(ignore, 1000)
  },
  'SIGTERM closes': () => {
    process.on('SIGTERM', () => handler.close().finally(() => process.exit(7)))
    setInterval(ignore, 1000)
  },
}

function throwIt() {
  throw new Error('expected by the test')
}

await reach()
say('ready')
await once(process.stdin, 'data')
if (way !== 'stdin ends') process.stdin.destroy()
begin()
// Somewhere within what has begun.
if (Math.random() < 0.5) await pause(Math.random() * 20)
const ending = ways[way]()
say('now')
await ending

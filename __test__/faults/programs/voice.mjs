// How a program under test tells the driver what it does: one JSON line on descriptor 3, a pipe, written before it goes on.
// What was written is never lost by `kill -9`: the kernel keeps it for the reader.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { inspect } from 'node:util'

const require = createRequire(import.meta.url)

/** The package, as a service would load it. */
export const { KafkaErrorHandler } = require('../../../index.js')

/** What the driver wants, as the first argument. */
export const config = JSON.parse(process.argv[2])

/** The monotonic clock of the machine in microseconds: the same for all its processes, whatever their wall clocks say. */
const now = () => Number(process.hrtime.bigint() / 1_000n)

/** One line to the driver. The pipe may be full for a moment. */
export function tell(line) {
  const bytes = Buffer.from(`${JSON.stringify({ t: now(), ...line })}\n`)
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(3, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

let calls = 0

/** Makes a call and tells when it began and how it ended. `what` names it, `facts` picks what its answer means. */
export async function act(what, work, facts = () => ({})) {
  const call = ++calls
  tell({ type: 'invoke', call, ...what })
  try {
    const answer = await work()
    tell({ type: 'ok', call, ...what, ...facts(answer) })
    return answer
  } catch (error) {
    // The whole error with all that hangs on it: nothing in it may be a secret.
    const { code, outcome, retriable, details } = error
    const type = outcome === 'unknown' ? 'info' : 'fail'
    tell({ type, call, ...what, code, retriable, failureId: details?.failureId, text: inspect(error) })
    return undefined
  }
}

/** A handler with the driver's options; its warnings and errors are told, and how it looks when it is inspected. */
export async function open(options = config.options) {
  const handler = new KafkaErrorHandler(options)
  handler.on('warning', ({ code, message }) => tell({ type: 'warning', code, message }))
  handler.on('error', (error) => tell({ type: 'error', code: error.code, text: inspect(error) }))
  handler.on('dead', ({ dataId, reason, retryCount }) => tell({ type: 'dead', id: dataId, reason, retryCount }))
  tell({ type: 'made', text: inspect(handler, { depth: 9, showHidden: true }) })
  await act({ op: 'initialize' }, () => handler.initialize())
  return handler
}

/** Answers the driver's orders, one JSON line each on standard input. Without a driver there is nothing left to do. */
export function obey(orders) {
  const input = createInterface({ input: process.stdin })
  input.on('close', () => process.exit(1))
  input.on('line', (line) => {
    const { order, ...arguments_ } = JSON.parse(line)
    orders[order](arguments_)
  })
}

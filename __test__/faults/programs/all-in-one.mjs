// A service with everything in one process: it reports failures, redelivers, and handles the copies that the driver reads
// from the topic and hands in, as a consumer would. It does what it is ordered on standard input.
import process from 'node:process'
import { messageOf } from '../payload.mjs'
import { act, config, obey, open, tell } from './voice.mjs'

const { topic, sweeps = false, failsUntil = 1 } = config
const handler = await open()
const run = () => act({ op: 'runRetryTask' }, () => handler.runRetryTask())
if (sweeps) await run()

const bytes = (text) => (text === null ? null : Buffer.from(text, 'base64'))
const stored = ({ retryCount, state }) => ({ retryCount, state })

obey({
  run,
  /** Reports a live failure. */
  push: ({ id, failureId, policy }) =>
    act({ op: 'push', id, failureId }, () => handler.pushError({ ...messageOf(topic, id), failureId, policy }), stored),
  /** Many at once, in this order, each a call of its own. */
  pushEach: ({ ids }) => {
    for (const id of ids) void act({ op: 'push', id }, () => handler.pushError(messageOf(topic, id)), stored)
  },
  /** A copy that was read: handled with success once its attempt is high enough, else reported. */
  record,
  /** Nothing of JavaScript runs meanwhile. */
  block: ({ milliseconds }) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds),
  close: () => void act({ op: 'close' }, () => handler.close()).then(() => process.exit()),
})
tell({ type: 'ready' })

function deleted({ deleted, reason }) {
  return { deleted, reason }
}

/** As a consumer does that commits nothing before: what may heal is tried again, and counts once. */
async function record(order) {
  for (let tries = 0; tries < 50; tries++) {
    if ((await handle(order)) !== undefined) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function handle({ record, verb }) {
  const { partition, offset } = record
  const message = {
    topic,
    partition,
    offset,
    dataId: record.id,
    key: bytes(record.key),
    value: bytes(record.value),
    headers: record.headers.map(([name, value]) => [name, bytes(value)]),
  }
  const { life, generation, attempt } = record
  const what = { id: record.id, life, generation, record: record.number }
  const isFailing = verb ? verb === 'push' : attempt < failsUntil
  if (isFailing) return act({ op: 'push', ...what }, () => handler.pushError(message), stored)
  const { headers } = message
  return act({ op: 'success', ...what }, () => handler.notifySuccess({ topic, dataId: record.id, headers }), deleted)
}

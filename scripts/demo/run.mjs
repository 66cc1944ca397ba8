// A flaky order handler over a broker inside this process and SQLite in a temporary folder: what fails is stored, comes
// back after 2, 4 and 8 seconds, and succeeds; what never succeeds ends dead. The exit code is 0 only if it all adds up.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { printEvents } from './print.mjs'
import { handleOrders, orders, produceOrders, TOPIC } from './orders.mjs'
import { summarize } from './summary.mjs'

const require = createRequire(import.meta.url)
const { KafkaErrorHandler } = require('../../index.js')
const { MockCluster } = require('../../native.js')

const LONGEST = 40_000

const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-demo-'))
const cluster = new MockCluster(1)
cluster.createTopic(TOPIC, 3)

const handler = new KafkaErrorHandler({
  db: `sqlite:${path.join(folder, 'retry.db')}`,
  kafka: { brokers: cluster.bootstrapServers },
  policy: { retryCount: 3, backoff: true },
  ensureTopics: false,
  logger: false,
})

const tally = printEvents(handler)
let exitCode = 1
try {
  await handler.initialize()
  await handler.runRetryTask()
  const consumer = await handleOrders(cluster.bootstrapServers, handler, tally)
  await produceOrders(cluster.bootstrapServers)
  await tally.settled(orders, LONGEST)
  const left = await handler.entries.list({ limit: 100 })
  exitCode = summarize(orders, tally, left.entries) ? 0 : 1
  await consumer.stop()
} catch (error) {
  process.stdout.write(`the demonstration failed: ${error.stack}\n`)
} finally {
  await handler.close()
  cluster.close()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(exitCode)

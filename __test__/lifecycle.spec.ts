// What is left behind: threads, handles, connections, and whether workers may use the addon.
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'

import test from 'ava'

import { KafkaErrorHandler } from '../index.js'
import { eventually } from './suites/bench.js'

const count = (what: 'task' | 'fd'): number => readdirSync(`/proc/self/${what}`).length
const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip

async function cycle(file: string): Promise<void> {
  const handler = new KafkaErrorHandler({
    db: `sqlite:${file}`,
    kafka: { brokers: '127.0.0.1:1' },
    connectTimeout: 200,
    logger: false,
  })
  await handler.initialize()
  await handler.runRetryTask()
  await handler.pushError({ topic: 'orders', value: 'v', dataId: 1 })
  await handler.notifySuccess({ topic: 'orders', dataId: 1 })
  await handler.close()
}

onLinux('two hundred handlers leave no thread and no open file behind', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-cycles-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'retry.db')
  // The first ones start the threads that stay for all.
  for (let n = 0; n < 5; n++) await cycle(file)
  await eventually(async () => count('task') > 0)
  const before = { task: count('task'), fd: count('fd') }
  for (let n = 0; n < 195; n++) await cycle(file)
  // What librdkafka lets go of ends on a thread of its own, a little later.
  await eventually(async () => count('task') <= before.task && count('fd') <= before.fd).catch(() => {
    t.log(before, { task: count('task'), fd: count('fd') })
    t.fail('threads or files are left')
  })
  t.pass()
})

const program = `
  const { workerData, parentPort } = require('node:worker_threads')
  const { KafkaErrorHandler } = require(workerData)
  const handler = KafkaErrorHandler.getInstance({ db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, connectTimeout: 200, logger: false })
  handler.initialize().then(async () => {
    const { retryCount } = await handler.pushError({ topic: 'orders', value: 'v', dataId: 1 })
    parentPort.postMessage(retryCount)
    if (process.env.STAY !== '1') await handler.close()
    else setInterval(() => {}, 1000)
  })`

const worker = (stay: boolean): Worker =>
  new Worker(program, {
    eval: true,
    workerData: path.resolve('index.js'),
    env: { ...process.env, STAY: stay ? '1' : '0' },
  })

test.serial('each worker thread has a handler of its own, and ends by itself', async (t) => {
  const workers = Array.from({ length: 4 }, () => worker(false))
  const ends = workers.map((one) => once(one, 'exit'))
  const counts = await Promise.all(workers.map(async (one) => (await once(one, 'message'))[0] as number))
  t.deepEqual(counts, [1, 1, 1, 1])
  t.deepEqual((await Promise.all(ends)).flat(), [0, 0, 0, 0])
})

test.serial('a worker that is terminated with an open handler takes nobody along', async (t) => {
  for (let n = 0; n < 5; n++) {
    const one = worker(true)
    await once(one, 'message')
    await one.terminate()
  }
  const handler = new KafkaErrorHandler({
    db: 'memory:',
    kafka: { brokers: '127.0.0.1:1' },
    connectTimeout: 200,
    logger: false,
  })
  await handler.initialize()
  t.is((await handler.pushError({ topic: 'orders', value: 'v', dataId: 1 })).retryCount, 1)
  await handler.close()
})

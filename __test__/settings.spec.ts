// What options promise, seen from the outside: schedule, policies over a restart, retention, partitions, a small queue,
// retry topics, and copies that are answered in any order.
import test from 'ava'
import type { ExecutionContext } from 'ava'

import { KafkaErrorHandler } from '../index.js'
import type { HandlerOptions } from '../index.js'
import { backend, Bench, brokers, event, eventually, header, type Read } from './suites/bench.js'
import { startMockCluster } from './suites/mock-cluster.js'

const sqlite = backend('sqlite')
test.after.always(() => sqlite?.end())
const quick = { backoff: false, maxDelay: 1 } as const
const onBroker = brokers === undefined ? test.skip : test

/** A handler that forgets everything, beside a cluster that does. */
async function inMemory(t: ExecutionContext, options: Partial<HandlerOptions> = {}) {
  const cluster = startMockCluster()
  const kafka = { brokers: cluster.bootstrapServers }
  const handler = new KafkaErrorHandler({ db: 'memory:', kafka, ensureTopics: false, logger: false, ...options })
  t.teardown(async () => {
    await handler.close()
    cluster.close()
  })
  await handler.initialize()
  return { handler, cluster }
}

test('with a schedule an entry that is due waits for the next tick', async (t) => {
  const { handler } = await inMemory(t, { policy: quick, scheduleRule: '0 0 29 2 *' })
  await handler.runRetryTask()
  const { id, dueAt } = await handler.pushError({ topic: 'orders', value: 'v', dataId: 1 })
  // Without a schedule it would have been sent long before.
  await eventually(async () => Date.now() > Number(dueAt) + 1500)
  t.is((await handler.entries.get(id))?.state, 'scheduled')
  t.is((await handler.stats()).sweeps, 0)
  t.like(await handler.sweep(), { claimed: 1, delivered: 1 })
})

test('each tick sweeps', async (t) => {
  const { handler } = await inMemory(t, { policy: quick, scheduleRule: '* * * * * *' })
  await handler.runRetryTask()
  for (let n = 0; n < 3; n++) {
    const redelivered = event(handler, 'redelivered', ({ dataId }) => dataId === String(n))
    await handler.pushError({ topic: 'orders', value: 'v', dataId: n })
    t.like(await redelivered, { attempt: 2 })
  }
})

test('a tick that comes while a sweep runs is skipped, and counted', async (t) => {
  const { handler, cluster } = await inMemory(t, { policy: quick, scheduleRule: '* * * * * *' })
  cluster.setRoundTrip(1500)
  await handler.pushError({ topic: 'orders', value: 'v', dataId: 1 })
  await handler.runRetryTask()
  await eventually(async () => (await handler.stats()).sweepsSkipped > 0)
  await eventually(async () => (await handler.stats()).counters.redelivered > 0)
  t.is((await handler.stats()).counters.redelivered, 1, 'and nothing was sent twice for that')
})

onBroker('the policy of a call outlives the process, whatever the next one is told', async (t) => {
  const bench = new Bench(t, sqlite!)
  const first = await bench.handler({ policy: { retryCount: 9 } })
  await first.pushError({ topic: bench.topic, value: 'v', dataId: 'p', policy: { ...quick, retryCount: 1 } })
  await first.close()
  const second = await bench.handler({ policy: { retryCount: 50 }, outcomeTimeout: 300 })
  const dead = event(second, 'dead')
  await second.runRetryTask()
  t.like(await dead, { dataId: 'p', retryCount: 2 })
  const reader = await bench.read()
  await reader.until((records) => records.length === 1)
})

onBroker('dead entries are kept as long as retention.dead says', async (t) => {
  const bench = new Bench(t, sqlite!)
  const first = await bench.handler()
  const policy = { retryCount: 0 }
  t.is((await first.pushError({ topic: bench.topic, value: 'v', dataId: 'd', policy })).state, 'dead')
  await first.pushError({ topic: bench.topic, value: 'v', dataId: 'alive' })
  await first.close()
  const patient = await bench.handler({ retention: { dead: '1h' } })
  t.is(await patient.entries.count({ state: 'dead' }), 1)
  await patient.close()
  const strict = await bench.handler({ retention: { dead: 1 } })
  await eventually(async () => (await strict.entries.count({ state: 'dead' })) === 0)
  t.is(await strict.entries.count(), 1, 'one that is to be delivered stays')
})

onBroker('a topic with more or fewer partitions than configured gets copies in all of its own', async (t) => {
  const bench = new Bench(t, sqlite!)
  const handler = await bench.handler({
    policy: quick,
    kafka: { brokers: brokers ?? '', partitions: 8, replicas: 1, topics: [bench.topic] },
  })
  for (const partitions of [3, 12]) {
    const topic = `${bench.topic}-${partitions}`
    await bench.createTopic(topic, [], partitions)
    const keys = Array.from({ length: 200 }, (_, n) => `key-${n}`)
    await handler.pushError(keys.map((key) => ({ topic, key, value: 'v', dataId: key })))
    await eventually(async () => (await handler.sweep()).claimed === 0 && (await awaiting(handler, topic)) === 200)
    const reader = await bench.read(undefined, topic)
    const records = await reader.until((all) => all.length === keys.length)
    t.is(new Set(records.map(({ partition }) => partition)).size, partitions)
  }
})

onBroker('a queue of librdkafka that is too small for a sweep loses nothing', async (t) => {
  const bench = new Bench(t, sqlite!)
  const handler = await bench.handler({
    policy: quick,
    kafka: { ...kafkaOf(bench), librdkafka: { 'queue.buffering.max.messages': 10 } },
  })
  const count = 1000
  const failures = Array.from({ length: count }, (_, n) => ({ topic: bench.topic, value: `v${n}`, dataId: n }))
  await handler.pushError(failures)
  await handler.runRetryTask()
  const reader = await bench.read()
  const records = await reader.until((all) => all.length >= count)
  t.is(new Set(records.map(({ value }) => value?.toString())).size, count)
  const { entries } = await handler.entries.list()
  t.true(
    entries.every(({ retryCount }) => retryCount === 1),
    'what was refused is no attempt',
  )
})

onBroker('with a retry topic copies go there and name the topic they are about', async (t) => {
  const bench = new Bench(t, sqlite!)
  const groupId = `group-${bench.namespace}`
  const handler = await bench.handler({ policy: quick, groupId, redelivery: 'retryTopic' })
  const retryTopic = `${groupId}.ker-retry`
  await handler.pushError({ topic: bench.topic, key: 'k', value: 'v', dataId: 'r' })
  await handler.runRetryTask()
  await eventually(async () => (await handler.entries.count({ state: 'awaiting' })) === 1)
  const reader = await bench.read(undefined, retryTopic)
  const [copy] = await reader.until((records) => records.length === 1)
  t.is(copy?.key?.toString(), 'k')
  t.is(header(copy!, 'x-ker-topic'), bench.topic)
  // Whoever reads the retry topic reports with what it read.
  const { deleted } = await handler.notifySuccess({ topic: retryTopic, dataId: 'r', headers: copy?.headers ?? {} })
  t.is(deleted, 1)
})

for (const successFirst of [true, false]) {
  const order = successFirst
    ? 'the newer one succeeds, then the older one fails'
    : 'the older one fails again, then the newer one succeeds'
  onBroker(`of two copies of one entry ${order}: at most one entry, which ends by its policy`, async (t) => {
    const bench = new Bench(t, sqlite!)
    const handler = await bench.handler({ policy: { ...quick, retryCount: 4 }, outcomeTimeout: 300 })
    const reader = await bench.read()
    const next = async (n: number): Promise<Read> => {
      await eventually(async () => (await handler.sweep()).delivered === 1)
      return (await reader.until((records) => records.length === n))[n - 1]!
    }
    await handler.pushError({ topic: bench.topic, value: 'v', dataId: 'two' })
    const older = await next(1)
    // Nobody answers in time: a second copy goes out, with the first one still somewhere.
    const newer = await next(2)
    const failure = { topic: bench.topic, value: 'v', dataId: 'two', headers: older.headers ?? {} }
    const success = { topic: bench.topic, dataId: 'two', headers: newer.headers ?? {} }
    if (successFirst) {
      t.is((await handler.notifySuccess(success)).deleted, 1)
      t.is((await handler.pushError(failure)).retryCount, 1, 'of a former life, so a new one: it is not lost')
      t.is(await handler.entries.count(), 1)
    } else {
      t.is((await handler.pushError(failure)).retryCount, 2, 'the attempt was counted when its time was over')
      t.is((await handler.notifySuccess(success)).deleted, 1)
      t.is(await handler.entries.count(), 0)
    }
    const dead = successFirst ? event(handler, 'dead') : undefined
    await handler.runRetryTask()
    if (dead) t.like(await dead, { dataId: 'two', retryCount: 5, reason: 'no-outcome' })
  })
}

function awaiting(handler: KafkaErrorHandler, topic: string): Promise<number> {
  return handler.entries.count({ topic, state: 'awaiting' })
}

function kafkaOf(bench: Bench) {
  return { brokers: brokers ?? '', topics: [bench.topic], partitions: 4, replicas: 1 }
}

// 10: the broker gone, the database gone. Servers of its own, because they are stopped and started.
import test from 'ava'
import kafkajs from 'kafkajs'

import { KafkaErrorHandler } from '../index.js'
import { start as startKafka } from '../scripts/services/kafka.mjs'
import { start as startMariaDb } from '../scripts/services/mariadb.mjs'
import { start as startPostgres } from '../scripts/services/postgres.mjs'
import { event, eventually, isInstalled } from './suites/bench.js'

if (isInstalled('kafka')) {
  test.serial(
    '10: without a broker failures are stored, and redelivery begins by itself when it comes back',
    async (t) => {
      const kafka = await startKafka({ say: () => undefined })
      t.teardown(() => kafka.stop())
      await kafka.kill()
      const handler = new KafkaErrorHandler({
        db: 'memory:',
        kafka: { brokers: kafka.brokers, topics: ['outage'], partitions: 2, replicas: 1 },
        policy: { retryCount: 3, maxDelay: 5 },
        logger: false,
      })
      t.teardown(() => handler.close())
      const warned = event(handler, 'warning', ({ code }) => code === 'brokerUnavailable')
      const redelivered = event(handler, 'redelivered')
      await handler.initialize()
      await warned
      await handler.runRetryTask()
      const stored = await handler.pushError({ topic: 'outage', value: 'v', dataId: 'a' })
      const health = await handler.health()
      t.is(health.status, 'degraded')
      await kafka.restart()
      t.like(await redelivered, { dataId: 'a', attempt: 2 })
      t.like(await handler.entries.get(stored.id), { retryCount: 1 }, 'the outage cost no attempt')

      // Once more, while the handler runs.
      await kafka.kill()
      await handler.pushError({ topic: 'outage', value: 'v', dataId: 'b' })
      const again = event(handler, 'redelivered', ({ dataId }) => dataId === 'b')
      await kafka.restart()
      t.like(await again, { dataId: 'b' })
      const { entries } = await handler.entries.list({ dataId: 'b' })
      t.true((entries[0]?.retryCount ?? 9) <= 2, 'an outage costs at most one attempt')
    },
  )

  test.serial(
    '10: a broker that is killed in the middle of a sweep loses no copy that it has acknowledged',
    async (t) => {
      const kafka = await startKafka({ say: () => undefined })
      t.teardown(() => kafka.stop())
      const handler = new KafkaErrorHandler({
        db: 'memory:',
        kafka: { brokers: kafka.brokers, topics: ['killed'], partitions: 4, replicas: 1 },
        policy: { retryCount: 9, backoff: false, maxDelay: 1 },
        logger: false,
      })
      t.teardown(() => handler.close())
      await handler.initialize()
      const count = 4000
      const failures = Array.from({ length: count }, (_, n) => ({ topic: 'killed', value: `v${n}`, dataId: n }))
      await handler.pushError(failures)
      const copies = new Map<string, { partition: number; offset: string; attempt: number }>()
      handler.on('redelivered', ({ dataId, partition, offset, attempt }) => {
        copies.set(dataId, { partition, offset, attempt })
      })
      const some = event(handler, 'redelivered')
      await handler.runRetryTask()
      await some
      await kafka.kill()
      t.true(copies.size < count, `${copies.size} were acknowledged before`)
      await kafka.restart()
      await eventually(
        async () => (await handler.entries.count({ state: 'awaiting' })) === count && copies.size === count,
      )
      t.true(
        [...copies.values()].every(({ attempt }) => attempt <= 3),
        'the outage costs at most one attempt',
      )
      const places = new Set([...copies.values()].map(({ partition, offset }) => `${partition}:${offset}`))
      t.is(places.size, count, 'each has a place of its own in the log')
      const admin = new kafkajs.Kafka({ brokers: [kafka.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
      await admin.connect()
      const ends = await admin.fetchTopicOffsets('killed').finally(() => admin.disconnect())
      for (const { partition, high } of ends) {
        const last = Math.max(
          ...[...copies.values()].filter((copy) => copy.partition === partition).map(({ offset }) => Number(offset)),
        )
        t.true(last < Number(high), `partition ${partition} has what it acknowledged`)
      }
    },
  )
}

for (const [name, start, scheme] of [
  ['mariadb', startMariaDb, 'mysql'],
  ['postgres', startPostgres, 'postgres'],
] as const) {
  if (!isInstalled(name)) continue
  test.serial(`10: without ${name} a push says so in time, and the same handler works when it is back`, async (t) => {
    const server = await start()
    t.teardown(() => server.stop())
    const handler = new KafkaErrorHandler({
      db: `${server.url}/outage`,
      kafka: { brokers: '127.0.0.1:1' },
      pushTimeout: 2000,
      connectTimeout: 1000,
      logger: false,
    })
    t.teardown(() => handler.close())
    t.true(server.url.startsWith(scheme))
    await handler.initialize()
    const before = await handler.pushError({ topic: 'orders', value: 'v', dataId: 'before' })
    await server.kill()
    const began = Date.now()
    const error = await t.throwsAsync(handler.pushError({ topic: 'orders', value: 'v', dataId: 'during' }))
    t.true(Date.now() - began < 4000, `answered after ${Date.now() - began} ms`)
    t.regex((error as { code?: string }).code ?? '', /^KER_(STORE|TIMEOUT)$/)
    const { outcome } = error as { outcome?: string }
    t.true(outcome === 'not_done' || outcome === 'unknown', outcome)
    await server.restart()
    await eventually(() =>
      handler.pushError({ topic: 'orders', value: 'v', dataId: 'after' }).then(
        () => true,
        () => false,
      ),
    )
    t.like(await handler.entries.get(before.id), { dataId: 'before', retryCount: 1 }, 'what was acknowledged is there')
    if (outcome === 'not_done')
      t.is(await handler.entries.count({ dataId: 'during' }), 0, 'what was not done is not there')
  })
}

// The main job on real Kafka, once per store: capture, redeliver, forget.
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'

import test from 'ava'

import { backend, Bench, brokers, event, eventually, header, quick, type Backend, type Read } from './bench.js'

const hash = (bytes: Buffer | null): string | null => bytes && createHash('sha256').update(bytes).digest('hex')
const pusher = path.resolve('__test__/suites/pusher.mjs')

export function mainStory(name: Backend['name']): void {
  const store = backend(name)
  if (store === undefined || brokers === undefined) {
    test(`${name}: left out, there is no server`, (t) => t.pass())
    return
  }
  test.after.always(() => store.end())
  readme(store)
  bytes(store)
  counting(store)
  delays(store)
  limits(store)
  volume(store)
  answers(store)
  deadlines(store)
  topics(store)
}

function readme(store: Backend): void {
  test(`${store.name} 1: the value of the 2.x README comes back byte for byte and is forgotten by the number 1`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({ policy: quick })
    const stored = await handler.pushError({ topic: bench.topic, key: 'test-1', value: 'test data', dataId: '1' })
    t.is(stored.retryCount, 1)
    await handler.runRetryTask()
    const reader = await bench.read()
    const [copy] = await reader.until((records) => records.length === 1)
    t.is(copy?.value?.toString(), 'test data')
    t.is(copy?.key?.toString(), 'test-1')
    t.deepEqual(await handler.notifySuccess({ topic: bench.topic, dataId: 1 }), { deleted: 1 })
    t.is(await handler.entries.count(), 0)
    t.deepEqual(await handler.notifySuccess({ topic: bench.topic, dataId: 1 }), { deleted: 0 })
  })
}

function bytes(store: Backend): void {
  test(`${store.name} 2: every kind of value and key comes back exactly, JSON objects with only the mark added`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({ policy: quick })
    const object = '{"ok":1,"big":12345678901234567890,"f":1.0,"2":"b","1":"a"}'
    const cases: [key: Buffer | string | null, value: Buffer | string | null, expected?: string][] = [
      ['object', object, `${object.slice(0, -1)},"fromRetry":true}`],
      ['array', '[1,2]'],
      ['text', 'test data'],
      ['null-word', 'null'],
      ['binary', randomBytes(300)],
      ['not-utf8', Buffer.from([0xff, 0xfe, 0x00, 0x7b, 0x7d])],
      ['tombstone', null],
      ['empty', ''],
      ['mebibyte', randomBytes(1_000_000)],
      ['😀中文', '😀中文'],
      ['', 'empty key'],
      [null, 'no key'],
    ]
    const pushes = cases.map(([key, value], n) => ({ topic: bench.topic, key, value, dataId: `😀${n}` }))
    const answers = await handler.pushError(pushes)
    t.deepEqual(
      answers.filter((answer) => 'error' in answer),
      [],
    )
    await handler.runRetryTask()
    const reader = await bench.read()
    const records = await reader.until((all) => all.length === cases.length)
    for (const [key, value, expected] of cases) {
      const found = records.find((record) =>
        key === null ? record.key === null : record.key?.equals(Buffer.from(key)),
      )
      const wanted = expected ?? value
      t.is(hash(found?.value ?? null), wanted === null ? null : hash(Buffer.from(wanted)), String(key))
    }
    const object1 = await handler.pushError({ topic: bench.topic, key: 'plain', value: { a: 1 }, dataId: 'plain' })
    t.is(object1.state, 'scheduled')
    await reader.until((all) => all.some((record) => record.key?.toString() === 'plain'))
    const plain = records.find((record) => record.key?.toString() === 'plain')
    t.is(plain?.value?.toString(), '{"a":1,"fromRetry":true}')
  })

  test(`${store.name} 2: foreign headers come back in order with their bytes, ours exactly once through ten redeliveries`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({ policy: { ...quick, retryCount: 20 } })
    const headers = { trace: ['a', Buffer.from([0, 255])], single: 'b', empty: '' }
    await handler.pushError({
      topic: bench.topic,
      value: 'v',
      dataId: 'h',
      headers,
      partition: 2,
      offset: '41',
      timestamp: 5,
    })
    await handler.runRetryTask()
    const reader = await bench.read(async (record) => {
      if (reader.records.length < 10) await handler.pushError({ ...report(bench, record), dataId: 'h' })
    })
    const records = await reader.until((all) => all.length === 10)
    for (const [n, record] of records.entries()) {
      t.deepEqual(Object.keys(record.headers ?? {}).length, Object.keys(records[0]?.headers ?? {}).length)
      t.deepEqual(record.headers?.['trace'], [Buffer.from('a'), Buffer.from([0, 255])])
      t.is(header(record, 'x-ker-attempt'), String(n + 2))
      t.is(header(record, 'x-ker-generation'), String(n + 1))
      t.is(header(record, 'x-ker-partition'), '2')
      t.is(header(record, 'x-ker-offset'), '41')
      t.is(header(record, 'x-ker-timestamp'), '5')
      t.is(record.partition, 2, 'the original partition')
    }
  })
}

/** What a consumer hands in when the handling of a record failed. */
function report(bench: Bench, record: Read) {
  const { key, value, headers, partition, offset } = record
  return {
    topic: bench.topic,
    key,
    value,
    headers: headers ?? {},
    partition,
    offset,
    error: new TypeError('no such customer'),
  }
}

function counting(store: Backend): void {
  test(`${store.name} 3: fifty failures of one id at once from two processes are one entry with fifty attempts`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler()
    const options = JSON.stringify(bench.options({ policy: { retryCount: 100 } }))
    const children = [1, 2].map(() =>
      spawn(process.execPath, [pusher, options, bench.topic, '25'], { stdio: 'inherit' }),
    )
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
    t.deepEqual(codes, [0, 0])
    const { entries } = await handler.entries.list()
    t.is(entries.length, 1)
    t.is(entries[0]?.retryCount, 50)
  })

  test(`${store.name} 3: the same failureId ten times counts once`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler()
    const failureId = randomBytes(16).toString('hex')
    const message = { topic: bench.topic, value: 'v', dataId: 'once', failureId }
    const answers = await Promise.all(Array.from({ length: 10 }, () => handler.pushError(message)))
    t.deepEqual(new Set(answers.map(({ retryCount }) => retryCount)), new Set([1]))
    t.is((await handler.pushError({ ...message, failureId: randomBytes(16).toString('hex') })).retryCount, 2)
  })
}

function delays(store: Backend): void {
  for (const [backoff, seconds] of [
    [true, [2, 4, 8]],
    [false, [1, 2, 3]],
  ] as const) {
    test(`${store.name} 4: ${backoff ? 'doubling' : 'growing'} delays are ${seconds.join(', ')} s and never early`, async (t) => {
      const bench = new Bench(t, store)
      const handler = await bench.handler({ policy: { retryCount: 3, backoff } })
      const due: number[] = []
      const waits: number[] = []
      handler.on('stored', ({ state, dueAt }) => {
        if (state === 'dead') return
        due.push(Number(dueAt))
        waits.push(Number(dueAt) - Date.now())
      })
      await handler.runRetryTask()
      const reader = await bench.read(async (record) => {
        await handler.pushError({ ...report(bench, record), dataId: 'd' })
      })
      const dead = event(handler, 'dead')
      await handler.pushError({ topic: bench.topic, value: 'v', dataId: 'd' })
      await dead
      t.is(reader.records.length, 3)
      for (const [n, record] of reader.records.entries()) {
        // The log's own time on one side, the word of the database on the other; all clocks are this machine's.
        const late = Number(record.timestamp) - (due[n] ?? 0)
        t.true(late >= 0 && late < 5000, `redelivery ${n + 1} was ${late} ms late`)
        const wait = (waits[n] ?? 0) / 1000
        t.true(wait <= seconds[n]! && wait > seconds[n]! - 1, `the ${n + 1}. failure waited ${wait} s`)
      }
    })
  }
}

function limits(store: Backend): void {
  const cases: [retryCount: number, counting: 'redeliveries' | '2.x', redeliveries: number][] = [
    ...[0, 1, 2, 3, 10].map((n): [number, 'redeliveries', number] => [n, 'redeliveries', n]),
    [1, '2.x', 1],
    [2, '2.x', 1],
    [3, '2.x', 2],
    [10, '2.x', 9],
  ]
  test(`${store.name} 5: exactly as many redeliveries as the policy allows, then dead once, with its error`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler()
    const seen = new Map<string, number>()
    const deaths: string[] = []
    const all = new Promise<void>((resolve) => {
      handler.on('dead', ({ dataId }) => {
        deaths.push(dataId)
        if (deaths.length === cases.length) resolve()
      })
    })
    const policyOf = (id: string) => {
      const [retryCount, counting] = cases[Number(id)] ?? [0, 'redeliveries']
      return { ...quick, retryCount, counting }
    }
    await handler.runRetryTask()
    await bench.read(async (record) => {
      const dataId = record.key?.toString() ?? ''
      seen.set(dataId, (seen.get(dataId) ?? 0) + 1)
      await handler.pushError({ ...report(bench, record), dataId, policy: policyOf(dataId) })
    })
    await handler.pushError(
      cases.map((_, n) => ({
        topic: bench.topic,
        key: String(n),
        value: 'v',
        dataId: String(n),
        policy: policyOf(String(n)),
      })),
    )
    await all
    for (const [n, [retryCount, counting, redeliveries]] of cases.entries()) {
      t.is(seen.get(String(n)) ?? 0, redeliveries, `${retryCount}, ${counting}`)
    }
    t.is(new Set(deaths).size, cases.length)
    const { entries } = await handler.entries.list({ dataId: '3' })
    t.is(entries[0]?.state, 'dead')
    t.is(entries[0]?.error?.class, 'TypeError')
    t.is(entries[0]?.error?.message, 'no such customer')
    const requeued = event(handler, 'dead', ({ dataId }) => dataId === '3')
    t.deepEqual(await handler.entries.requeue(entries[0]!.id), { requeued: 1 })
    await requeued
    // The policy of the entry begins anew: three further redeliveries, apart from the first one, which is not counted.
    t.is(seen.get('3'), 3 + 4)
  })
}

function volume(store: Backend): void {
  test(`${store.name} 6: five thousand due entries go out exactly once, and one that cannot harms no other`, async (t) => {
    const bench = new Bench(t, store)
    const small = `${bench.topic}-small`
    await bench.createTopic(small, [{ name: 'max.message.bytes', value: '1000' }])
    const handler = await bench.handler({ policy: quick })
    const message = (n: number) => ({ topic: bench.topic, key: `k${n}`, value: `v${n}`, dataId: String(n) })
    for (let n = 0; n < 5000; n += 500) {
      await handler.pushError(Array.from({ length: 500 }, (_, i) => message(n + i)))
      if (n === 2500) await handler.pushError({ topic: small, value: 'x'.repeat(5000), dataId: 'large' })
    }
    const dead = event(handler, 'dead')
    await eventually(async () => (await handler.entries.count({ state: 'scheduled' })) === 5001)
    const total = { claimed: 0, delivered: 0 }
    // One pass takes all that was due when it began.
    const report = await handler.sweep()
    total.claimed += report.claimed
    total.delivered += report.delivered
    t.deepEqual(total, { claimed: 5001, delivered: 5000 })
    const reader = await bench.read()
    await reader.until((records) => records.length >= 5000)
    t.is(new Set(reader.records.map((record) => record.value?.toString())).size, 5000)
    t.like(await dead, { dataId: 'large', reason: 'too-large' })
    t.like(await handler.sweep(), { claimed: 0 })
    t.is(reader.records.length, 5000)
  })
}

function answers(store: Backend): void {
  test(`${store.name} 7: a success deletes exactly its entry`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler()
    const ids = ['7', '7abc', '07', '0x7', '0', 'd0', 'A', 'a', 'a ']
    await handler.pushError(ids.map((dataId) => ({ topic: bench.topic, value: 'v', dataId })))
    await handler.notifySuccess({ topic: bench.topic, dataId: 7 })
    await handler.notifySuccess({ topic: bench.topic, dataId: 0 })
    await handler.notifySuccess({ topic: bench.topic, dataId: 'a' })
    const left = (await handler.entries.list()).entries.map(({ dataId }) => dataId)
    t.deepEqual(left.sort(), ['07', '0x7', '7abc', 'A', 'a ', 'd0'].sort())
  })

  test(`${store.name} 7: the success of an older copy or of a former life deletes no newer failure`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({ policy: quick })
    const push = () => handler.pushError({ topic: bench.topic, value: 'v', dataId: 'x' })
    const success = (record: Read) =>
      handler.notifySuccess({ topic: bench.topic, dataId: 'x', headers: record.headers ?? {} })
    const reader = await bench.read()
    const next = async (n: number): Promise<Read> => {
      await eventually(async () => (await handler.sweep()).delivered === 1)
      return (await reader.until((records) => records.length === n))[n - 1]!
    }
    await push()
    const first = await next(1)
    await handler.pushError({ ...report(bench, first), dataId: 'x' })
    const second = await next(2)
    await handler.pushError({ ...report(bench, second), dataId: 'x' })
    t.deepEqual(await success(first), { deleted: 0, reason: 'newer-failure' })
    t.deepEqual(await success(second), { deleted: 1 }, 'of the same generation, however late')
    await push()
    t.deepEqual(await success(second), { deleted: 0, reason: 'newer-failure' }, 'of a former life')
    t.is(await handler.entries.count(), 1)
  })
}

function deadlines(store: Backend): void {
  test(`${store.name} 8: an entry that nobody answers is dead with no-outcome after its redeliveries`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({ policy: { ...quick, retryCount: 2 }, outcomeTimeout: 400 })
    const dead = event(handler, 'dead')
    await handler.runRetryTask()
    await handler.pushError({ topic: bench.topic, value: 'v', dataId: 'n' })
    t.like(await dead, { reason: 'no-outcome', retryCount: 3 })
    const reader = await bench.read()
    await reader.until((records) => records.length === 2)
    t.deepEqual(reader.records.map((record) => header(record, 'x-ker-attempt')).sort(), ['2', '3'])
  })

  test(`${store.name} 8: a known group that has not read the copy costs no attempt`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({
      policy: { ...quick, retryCount: 2 },
      outcomeTimeout: 300,
      groupId: bench.namespace,
    })
    await handler.runRetryTask()
    const redelivered = event(handler, 'redelivered')
    const stored = await handler.pushError({ topic: bench.topic, value: 'v', dataId: 'n' })
    await redelivered
    // Several deadlines pass; each is only a look at the offsets of the group, which has none.
    let looks = 0
    let due = 0
    await eventually(async () => {
      const entry = await handler.entries.get(stored.id)
      if (Number(entry?.dueAt) !== due) looks++
      due = Number(entry?.dueAt)
      t.is(entry?.retryCount, 1)
      return looks > 4
    })
    // During a look the entry is leased, for a moment only.
    await eventually(async () => (await handler.entries.get(stored.id))?.state === 'awaiting')
  })
}

function topics(store: Backend): void {
  test(`${store.name} 9: topics are made as configured, and copies without a partition go where 2.x sent them`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({
      policy: quick,
      kafka: {
        brokers: brokers ?? '',
        topics: [bench.topic],
        partitions: 8,
        replicas: 1,
        topicConfig: { 'retention.ms': '3600000' },
      },
    })
    t.deepEqual(await bench.partitions(), { partitions: 8, replicas: 1 })
    const expected = {
      '': 5,
      a: 4,
      foobar: 0,
      'test-1': 3,
      'order:42': 1,
      'key-1': 6,
      é: 4,
      中文: 5,
      '用户-1': 2,
      '😀': 0,
    }
    const pushes = Object.keys(expected).map((key) => ({ topic: bench.topic, key, value: 'v', dataId: `id-${key}` }))
    await handler.pushError(pushes)
    await handler.runRetryTask()
    const reader = await bench.read()
    await reader.until((records) => records.length === pushes.length)
    const found = Object.fromEntries(reader.records.map((record) => [record.key?.toString(), record.partition]))
    t.deepEqual(found, expected)
  })

  test(`${store.name} 9: another topic is ensured before its first redelivery, a compacted one is held`, async (t) => {
    const bench = new Bench(t, store)
    const handler = await bench.handler({ policy: quick })
    const fresh = `${bench.topic}-fresh`
    const compacted = `${bench.topic}-compacted`
    await bench.createTopic(compacted, [{ name: 'cleanup.policy', value: 'compact' }])
    const warned = event(handler, 'warning', ({ code }) => code === 'compacted')
    await handler.runRetryTask()
    await handler.pushError([
      { topic: fresh, value: 'v', dataId: 'f' },
      { topic: compacted, key: 'k', value: 'v', dataId: 'c' },
    ])
    const reader = await bench.read(undefined, compacted)
    await warned
    await eventually(async () => (await handler.entries.count({ state: 'awaiting' })) === 1)
    t.deepEqual(await bench.partitions(fresh), { partitions: 4, replicas: 1 })
    t.like((await handler.entries.list({ dataId: 'c' })).entries[0], { state: 'held', reason: 'compacted' })
    t.is(reader.records.length, 0)
  })
}

// Records of somebody who may write to the topic and means harm: forged x-ker-* headers, odd names and bytes, too many.
// Whoever writes a record can compute its sum; what he cannot know is the life of an entry.
import test from 'ava'

import { KafkaErrorHandler, type HandlerOptions, type Headers } from '../index.js'
import { startMockCluster } from './suites/mock-cluster.js'

const cluster = startMockCluster()
const kafka = { brokers: cluster.bootstrapServers }
test.after.always('the brokers end', () => cluster.close())

const topic = 'orders'
const foreign = 'f'.repeat(32)

interface Record {
  topic: string
  key: string | null
  value: string
  dataId: string
  headers: { [name: string]: string | Buffer }
}

/** The sum of `x-ker-sum`, as anybody can compute it. */
function sum(...parts: (string | null)[]): string {
  let hash = 0xcbf29ce484222325n
  for (const part of parts) {
    const bytes = Buffer.from(part ?? '')
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(part === null ? 0xffff_ffff_ffff_ffffn : BigInt(bytes.length))
    for (const byte of Buffer.concat([length, bytes])) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
    }
  }
  return hash.toString()
}

function forged(headers: { [name: string]: string | Buffer } = {}, at = topic): Record {
  const [key, value] = ['k', 'forged']
  const ours = {
    'x-ker-entry': foreign,
    'x-ker-attempt': '2',
    'x-ker-generation': '1',
    'x-ker-sum': sum(at, key, value),
  }
  return { topic: at, key, value, dataId: 'a', headers: { ...ours, ...headers } }
}

async function opened(t: import('ava').ExecutionContext, further: Partial<HandlerOptions> = {}) {
  const handler = new KafkaErrorHandler({ db: 'memory:', kafka, logger: false, ...further })
  t.teardown(() => handler.close())
  const warnings: string[] = []
  handler.on('warning', ({ code }) => void warnings.push(code))
  await handler.initialize()
  return { handler, warnings }
}

const numbers = ['-1', '9223372036854775808', '18446744073709551616', '1e3', '０', ' 1', '1\n', '', '0x10', 'NaN']

test('numbers that we never write make the headers mean nothing', async (t) => {
  const { handler, warnings } = await opened(t)
  let calls = 0
  for (const name of ['attempt', 'generation', 'partition', 'offset', 'timestamp', 'sum']) {
    for (const number of numbers) {
      // A sum is of 64 bits, and needs no more than its value.
      const { retryCount } = await handler.pushError(forged({ [`x-ker-${name}`]: number }))
      calls += 1
      t.is(retryCount, calls, `${name} ${JSON.stringify(number)}: one more failure, whatever the header says`)
    }
  }
  await handler.close()
  t.is(warnings.filter((code) => code === 'headersInvalid').length, calls)
})

test('the attempt of a header is never the count', async (t) => {
  const { handler } = await opened(t)
  const claims = ['0', '1', '4294967295', '2147483647']
  for (const [index, attempt] of claims.entries()) {
    const generation = index % 2 === 0 ? '9223372036854775807' : '0'
    const { retryCount } = await handler.pushError(forged({ 'x-ker-attempt': attempt, 'x-ker-generation': generation }))
    t.is(retryCount, index + 1)
  }
  const { entries } = await handler.entries.list()
  t.is(entries.length, 1)
  t.like(entries[0], { retryCount: claims.length })
  t.not(entries[0]?.life, foreign, 'the life is drawn, not taken over')
})

test('with a guessed life no success deletes an entry, whatever the generation', async (t) => {
  const { handler } = await opened(t)
  const { id } = await handler.pushError({ topic, key: 'k', value: 'mine', dataId: 'a' })
  for (const generation of ['0', '1', '9223372036854775807']) {
    const { headers } = forged({ 'x-ker-generation': generation })
    t.like(await handler.notifySuccess({ topic, dataId: 'a', headers }), { deleted: 0 }, generation)
  }
  t.like(await handler.entries.get(id), { retryCount: 1, state: 'scheduled' })
})

test('with the right life a generation of the future counts once, and the entry goes on', async (t) => {
  const { handler } = await opened(t)
  const { id } = await handler.pushError({ topic, key: 'k', value: 'mine', dataId: 'a' })
  const { life, generation } = (await handler.entries.get(id)) ?? { life: '', generation: '' }
  for (let round = 0; round < 3; round++) {
    await handler.pushError(forged({ 'x-ker-entry': life, 'x-ker-generation': '9223372036854775807' }))
  }
  t.like(await handler.entries.get(id), { retryCount: 1, generation }, 'none of it was delivered yet')
  await handler.pushError({ topic, key: 'k', value: 'again', dataId: 'a' })
  t.like(await handler.entries.get(id), { retryCount: 2 }, 'a failure of ours counts as ever')
})

test('headers with a right sum lead no entry to another topic', async (t) => {
  for (const further of [{}, { redelivery: 'retryTopic', groupId: 'billing' }] as const) {
    const { handler, warnings } = await opened(t, further)
    const targets = ['payments', '../etc', 'x'.repeat(300), 'a b', '']
    for (const target of targets) {
      const retry = forged({ 'x-ker-topic': target, 'x-ker-sum': sum('billing.ker-retry', 'k', 'forged') })
      await handler.pushError(forged({ 'x-ker-topic': target }))
      await handler.pushError({ ...retry, headers: { ...retry.headers, 'x-ker-group': 'billing' } })
    }
    const { entries } = await handler.entries.list()
    t.deepEqual(
      entries.map((entry) => entry.topic),
      [topic],
    )
    await handler.close()
    t.is(warnings.filter((code) => code === 'headersInvalid').length, 2 * targets.length)
  }
})

test('headers of another group, or with names of objects, mean nothing special', async (t) => {
  const { handler } = await opened(t, { groupId: 'billing' })
  await handler.pushError(forged({ 'x-ker-group': 'mail', __proto__x: 'y', constructor: 'c' }))
  const named = JSON.parse('{"__proto__": "polluted", "constructor": "c", "toString": "t"}') as Headers
  await handler.pushError({ topic, value: 'v', dataId: '__proto__', headers: named })
  const { entries } = await handler.entries.list()
  t.deepEqual(entries.map(({ groupId, dataId }) => [groupId, dataId]).toSorted(), [
    ['billing', '__proto__'],
    ['billing', 'a'],
  ])
  const kept = entries.find(({ dataId }) => dataId === '__proto__')?.message.headers.map(({ name }) => name)
  t.deepEqual(kept, ['__proto__', 'constructor', 'toString'])
  t.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('bytes that are no text, and repeated control headers, are stored as they came', async (t) => {
  const { handler } = await opened(t)
  const noText = Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28])
  const list = Object.keys(forged().headers).flatMap((name) => [[name, noText] as const, [name, '1'] as const])
  const { id } = await handler.pushError({ topic, value: noText, key: noText, dataId: 'a', headers: list })
  const { message } = (await handler.entries.get(id)) ?? {}
  t.deepEqual([message?.value, message?.key], [noText, noText])
  t.deepEqual(
    message?.headers.map(({ name, value }) => [name, value?.toString('latin1')]),
    list.map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
  )
})

test('a hundred thousand headers, or a name of a megabyte, are refused or kept, and the next call works', async (t) => {
  const { handler } = await opened(t)
  const many = Array.from({ length: 100_000 }, (_, index) => [`h${index}`, 'v'] as const)
  await t.throwsAsync(handler.pushError({ topic, value: 'v', dataId: 'a', headers: many }), { code: 'KER_ARGUMENT' })
  await t.throwsAsync(handler.notifySuccess({ topic, dataId: 'a', headers: many }), { code: 'KER_ARGUMENT' })
  const long = 'n'.repeat(1 << 20)
  const { id } = await handler.pushError({ topic, value: 'v', dataId: 'b', headers: [[long, 'v']] })
  t.is((await handler.entries.get(id))?.message.headers[0]?.name, long)
  const half = Array.from({ length: 128 }, () => ['x-ker-entry', 'x'.repeat(200_000)] as const)
  await t.throwsAsync(handler.pushError({ topic, value: 'v', dataId: 'c', headers: half }), { code: 'KER_TOO_LARGE' })
  t.is(await handler.entries.count(), 1)
})

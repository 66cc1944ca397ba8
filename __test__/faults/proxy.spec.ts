// The fault tool is tested before anything is tested with it.
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

import { Proxy } from './proxy.mjs'
import { anything, kafkaProduce, mysqlCommit, mysqlExecute, postgresCommit } from './wire.mjs'

/** A server that repeats what it hears, behind a proxy, and a client. */
async function setup(t: ExecutionContext, answer = (chunk: Buffer): Buffer => chunk) {
  const heard: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      heard.push(chunk)
      socket.write(answer(chunk))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await Proxy.start({ target: (server.address() as { port: number }).port })
  t.teardown(async () => {
    await proxy.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { proxy, heard, client: () => open(t, proxy.port) }
}

async function open(t: ExecutionContext, port: number) {
  const socket = connect({ port, host: '127.0.0.1' })
  t.teardown(() => socket.destroy())
  const received: Buffer[] = []
  // Node sends a FIN before the RST; a client may notice either first.
  const end = new Promise<'ended'>((resolve) => {
    socket.on('error', () => resolve('ended'))
    socket.on('close', () => resolve('ended'))
  })
  socket.on('data', (chunk) => received.push(chunk))
  await Promise.race([once(socket, 'connect').catch(() => undefined), end])
  const text = () => Buffer.concat(received).toString('latin1')
  const until = async (length: number) => {
    while (text().length < length) await once(socket, 'data')
    return text()
  }
  return { socket, end, text, until }
}

test('what passes arrives as it was, in both directions, also when one side has finished', async (t) => {
  const { client } = await setup(t)
  const one = await client()
  const text = 'x'.repeat(3_000_000)
  one.socket.end(text)
  t.is((await one.until(text.length)).length, text.length)
})

test('a delay holds everything up and keeps the order', async (t) => {
  const { proxy, client } = await setup(t)
  const one = await client()
  let turn = 0
  proxy.delay(100, 90, () => turn++ % 2) // jitter to one side, then to the other
  const begin = performance.now()
  for (const part of ['a', 'b', 'c', 'd']) {
    one.socket.write(part)
    await pause(5)
  }
  t.is(await one.until(4), 'abcd')
  t.true(performance.now() - begin >= 190)
})

test('a rate limits what gets through', async (t) => {
  const { proxy, client } = await setup(t)
  const one = await client()
  proxy.rate(50_000)
  const begin = performance.now()
  one.socket.write('x'.repeat(10_000))
  await one.until(10_000)
  t.true(performance.now() - begin >= 190)
})

test('in a black hole connections stay open and are made, nothing arrives, and everything arrives afterwards', async (t) => {
  const { proxy, heard, client } = await setup(t)
  const before = await client()
  before.socket.write('1')
  await before.until(1)
  proxy.blackhole()
  before.socket.write('2')
  const during = await client()
  during.socket.write('3')
  const ended = await Promise.race([before.end, during.end, pause(200)])
  t.is(ended, undefined)
  t.is(Buffer.concat(heard).toString(), '1')
  proxy.pass()
  t.is(await before.until(2), '12')
  t.is(await during.until(1), '3')
})

test('a black hole in one direction: requests arrive, answers do not', async (t) => {
  const { proxy, heard, client } = await setup(t)
  const one = await client()
  proxy.blackhole('down')
  one.socket.write('request')
  while (heard.length === 0) await pause(5)
  t.is(await Promise.race([one.end, pause(100)]), undefined)
  t.is(one.text(), '')
  proxy.pass()
  t.is(await one.until(7), 'request')
})

test('refusing resets what there is and what comes', async (t) => {
  const { proxy, client } = await setup(t)
  const before = await client()
  proxy.refuse()
  t.is(await before.end, 'ended')
  const after = await client()
  t.is(await after.end, 'ended')
  proxy.pass()
  const healed = await client()
  healed.socket.write('x')
  t.is(await healed.until(1), 'x')
})

test('a server that is not there is a reset for the client', async (t) => {
  const { proxy, client } = await setup(t)
  proxy.target = 1
  const one = await client()
  t.is(await one.end, 'ended')
})

for (const direction of ['up', 'down'] as const) {
  test(`cut after so many bytes ${direction}: exactly these arrive, and only one connection is cut`, async (t) => {
    const { proxy, heard, client } = await setup(t)
    const other = await client()
    const one = await client()
    const hasCut = proxy.cutAfter(5, direction)
    one.socket.write('abc')
    await one.until(3)
    one.socket.write('defgh')
    await hasCut
    t.is(await one.end, 'ended')
    t.is(direction === 'up' ? Buffer.concat(heard).toString() : one.text(), 'abcde')
    other.socket.write('still')
    t.is(await other.until(5), 'still')
  })
}

test('a dropped reply: the server has heard the request, the client hears nothing but the end', async (t) => {
  const { proxy, heard, client } = await setup(t)
  const one = await client()
  one.socket.write('before')
  await one.until(6)
  const isDropped = proxy.dropReply(anything)
  one.socket.write('request')
  await isDropped
  t.is(await one.end, 'ended')
  t.is(Buffer.concat(heard).toString(), 'beforerequest')
  t.is(one.text(), 'before')
})

for (const [name, watcher, begin, commit] of [
  ['MySQL execution', mysqlExecute, '\x06\0\0\0\x03BEGIN', '\x07\0\0\0\x17\x01\0\0\0\0\0'],
  ['MySQL', mysqlCommit, '\x06\0\0\0\x03BEGIN', '\x07\0\0\0\x03COMMIT'],
  ['PostgreSQL', postgresCommit, 'Q\0\0\0\x24BEGIN ISOLATION LEVEL READ COMMITTED\0', 'Q\0\0\0\x0bCOMMIT\0'],
] as const) {
  test(`only the answer to ${name}’s request is dropped, also when it comes in pieces`, async (t) => {
    const { proxy, heard, client } = await setup(t, () => Buffer.from('.'))
    const one = await client()
    const isDropped = proxy.dropReply(watcher)
    one.socket.write(begin, 'latin1')
    await one.until(1)
    one.socket.write(commit.slice(0, 4), 'latin1')
    await one.until(2)
    one.socket.write(commit.slice(4), 'latin1')
    await isDropped
    t.is(await one.end, 'ended')
    t.is(one.text(), '..')
    t.is(Buffer.concat(heard).toString('latin1'), begin + commit)
  })
}

function frame(...parts: (number | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))))
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

test('only the answer to Kafka’s Produce is dropped, the answers before it arrive whole', async (t) => {
  const metadata = frame(0, 3, 0, 1, 0, 0, 0, 7, 'client')
  const produce = frame(0, 0, 0, 9, 0, 0, 0, 8, 'client and records')
  const first = frame(0, 0, 0, 7, 'metadata')
  const answers = Buffer.concat([first, frame(0, 0, 0, 8, 'acknowledged')])
  let heard = 0
  const { proxy, client } = await setup(t, (chunk) => {
    heard += chunk.length
    // Both answers in one piece, as soon as both requests are there.
    return heard === metadata.length + produce.length ? answers : Buffer.alloc(0)
  })
  const one = await client()
  const isDropped = proxy.dropReply(kafkaProduce)
  const requests = Buffer.concat([metadata, produce])
  for (let at = 0; at < requests.length; at += 3) {
    one.socket.write(requests.subarray(at, at + 3))
    await pause(1)
  }
  await isDropped
  t.is(await one.end, 'ended')
  t.is(one.text(), first.toString('latin1'))
})

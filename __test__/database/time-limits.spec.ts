// A statement whose answer comes too late is given up, and with it its connection: the next call must not find it in the
// middle of something.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

import test from 'ava'

import { KafkaErrorHandler } from '../../index.js'
import { Proxy } from '../faults/proxy.mjs'
import { backend, eventually } from '../suites/bench.js'
import { rounds } from '../suites/rounds.js'
import { ask } from '../suites/servers.js'

for (const name of ['mysql', 'postgres'] as const) {
  const store = backend(name)
  if (store === undefined) continue
  test.serial(`work that ${name} answered too late never spoils the one connection of a pool`, async (t) => {
    const url = new URL(String(store.db).replace(/[^/]+$/, 'ker-limits'))
    const proxy = await Proxy.start({ target: Number(url.port) })
    t.teardown(() => proxy.close())
    const direct = url.href
    url.port = String(proxy.port)
    url.search = 'poolSize=1'
    const handler = new KafkaErrorHandler({
      db: url.href,
      kafka: { brokers: '127.0.0.1:1' },
      ensureTopics: false,
      pushTimeout: 1000,
      connectTimeout: 20_000,
      logger: false,
    })
    t.teardown(() => handler.close())
    await handler.initialize()
    const outcomes = new Map<string, string>()
    const push = async (dataId: string) => {
      const outcome = await handler.pushError({ topic: 'orders', value: 'v', dataId }).then(
        () => 'done',
        (error: { outcome?: string }) => error.outcome ?? 'none',
      )
      outcomes.set(dataId, outcome)
      return outcome
    }
    const trials = rounds(5, 300)
    for (let n = 0; n < trials; n++) {
      // From one that leaves room for all of a transaction to one that ends in its first statement.
      proxy.delay(40 + (n % 5) * 90)
      await Promise.all([push(`late-${n}-a`), push(`late-${n}-b`), handler.entries.count().catch(() => undefined)])
      proxy.pass()
      // Beside a heavy load the first ones may be late for its sake.
      await eventually(async () => (await push(`after-${n}`)) === 'done')
      for (let call = 0; call < 20; call++) await handler.entries.count({ dataId: `after-${n}` })
    }
    const many = (what: string) => [...outcomes.values()].filter((outcome) => outcome === what).length
    t.log(`${many('done')} done, ${many('not_done')} not done, ${many('unknown')} unknown`)
    t.true([...outcomes].some(([dataId, outcome]) => dataId.startsWith('late') && outcome !== 'done'))
    for (const [dataId, outcome] of outcomes) {
      const count = await handler.entries.count({ dataId })
      if (outcome === 'done') t.is(count, 1, dataId)
      else t.true(outcome === 'unknown' || (outcome === 'not_done' && count === 0), `${dataId}: ${outcome} ${count}`)
    }
    const stuck =
      name === 'mysql'
        ? `SELECT trx_id FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id WHERE db = 'ker-limits'`
        : `SELECT pid FROM pg_stat_activity WHERE datname = 'ker-limits' AND state LIKE 'idle in transaction%'`
    // What was cut off ends when the server notices, which it does at once.
    await eventually(async () => (await ask(direct, stuck)).length === 0)
  })
}

for (const name of ['mysql', 'postgres'] as const) {
  test.serial(`close ends an initialization that waits for a silent ${name}, and leaves nothing behind`, async (t) => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => {
      sockets.add(socket)
      socket.resume() // or it would not see the end
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as AddressInfo
    const handler = new KafkaErrorHandler({
      db: `${name}://nobody@127.0.0.1:${port}/none`,
      kafka: { brokers: '127.0.0.1:1' },
      connectTimeout: 600_000,
      pushTimeout: 600_000,
      logger: false,
    })
    const refused = t.throwsAsync(handler.initialize(), { code: 'KER_CLOSED' })
    await once(silent, 'connection')
    await handler.close()
    await refused
    await eventually(() => Promise.resolve(sockets.size === 0))
  })
}

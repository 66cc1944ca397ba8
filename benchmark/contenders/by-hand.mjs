// The database by hand: what somebody would write for this one purpose, with nothing around it, over one connection. In two
// ways: a transaction with an upsert for each caller, and, as the raw limit, one upsert of as many rows as there are
// callers, which commits by itself. All upserts are prepared.
import { closedLoop, failure } from '../measure/load.mjs'
import { HAND_COLUMNS } from '../databases/hand-table.mjs'

export async function open({ db, connect, brokers }) {
  const { default: driver } = await import(`../databases/${connect}.mjs`)
  const client = await driver(db)
  return {
    push: ({ callers, ...limits }) => {
      const upsert = client.upsert(callers)
      return together({ callers, ...limits, call: () => upsert(Array.from({ length: callers }, row).flat()) })
    },
    pushRowByRow: ({ callers, ...limits }) => {
      const upsert = client.upsert(1)
      const all = async () => {
        for (let n = 0; n < callers; n++) await upsert(row())
      }
      return together({ callers, ...limits, call: () => client.transaction(all) })
    },
    /** Claim, send, settle, a thousand rows at a time, until nothing is due. */
    sweep: async () => {
      const { Kafka } = await import('kafkajs')
      const producer = new Kafka({ brokers: [brokers], logLevel: 0 }).producer()
      await producer.connect()
      const begin = performance.now()
      let delivered = 0
      for (;;) {
        const rows = await client.claim(1_000)
        if (rows.length === 0) break
        const messages = rows.map(({ msg_key: key, msg_value: value }) => ({ key, value }))
        await producer.send({ topic: String(rows[0].topic), acks: -1, messages })
        await client.settle(rows)
        delivered += rows.length
      }
      const seconds = (performance.now() - begin) / 1_000
      await producer.disconnect()
      return { claimed: delivered, delivered, seconds }
    },
    close: () => client.close(),
  }
}

/** All callers at once, again and again. */
async function together({ call, callers, seconds, count }) {
  const times = count === undefined ? undefined : Math.ceil(count / callers)
  const loop = await closedLoop({ call, callers: 1, seconds, count: times })
  return { ...loop, calls: loop.calls * callers, perSecond: loop.perSecond * callers }
}

function row() {
  const { topic, dataId, key, value } = failure()
  const values = { topic, data_id: dataId, msg_key: key, msg_value: value, retry_count: 1, due_at: Date.now() + 2_000 }
  return HAND_COLUMNS.map((column) => values[column])
}

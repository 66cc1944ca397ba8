// What arrived on a topic, seen by a client that is none of the contenders'.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka } from 'kafkajs'
import { TOPIC } from './load.mjs'

const PARTITIONS = 8
const GROUP = 'bench'

/** The topic that everybody redelivers to; made when it is missing. */
export async function openTopic(brokers) {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: 0 })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1 }] })
  await joinOnce(kafka)
  const ends = async () => {
    const offsets = await admin.fetchTopicOffsets(TOPIC)
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
  }
  return {
    ends,
    /** How many records came after `from`, and how many keys they have between them. */
    since: async (from) => {
      const to = await ends()
      const copies = total(to) - total(from)
      if (copies === 0) return { copies, distinct: 0 }
      const keys = new Set()
      await readBetween(kafka, from, to, (message) => keys.add(String(message.key)))
      return { copies, distinct: keys.size }
    },
    /** Reads what comes after `from`, with the time it was received, until all of some values' ids have come. */
    watch: (from) => watch(kafka, from),
    close: () => admin.disconnect(),
  }
}

/** A new broker loads its group coordinator at the first question, and a reader could not yet seek. */
async function joinOnce(kafka) {
  const consumer = kafka.consumer({ groupId: GROUP })
  const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
  await consumer.connect()
  await consumer.subscribe({ topic: TOPIC })
  await consumer.run({ autoCommit: false, eachBatch: async () => {} })
  await joined
  await consumer.disconnect()
}

function total(offsets) {
  return [...offsets.values()].reduce((sum, offset) => sum + offset, 0)
}

/** From the beginning on, by a group of its own: a seek of KafkaJS is lost when the group is joined a second time. */
async function readBetween(kafka, from, to, see) {
  const consumer = kafka.consumer({ groupId: `${GROUP}-${randomUUID()}` })
  await consumer.connect()
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true })
  const unread = new Set([...to].filter(([, end]) => end > 0).map(([partition]) => partition))
  let done
  const read = new Promise((resolve) => (done = resolve))
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const first = from.get(batch.partition) ?? 0
      for (const message of batch.messages) {
        const offset = Number(message.offset)
        if (offset >= first && offset < to.get(batch.partition)) see(message)
      }
      if (Number(batch.lastOffset()) >= to.get(batch.partition) - 1) unread.delete(batch.partition)
      if (unread.size === 0) done()
    },
  })
  await read
  await consumer.disconnect()
}

function watch(kafka, from) {
  const consumer = kafka.consumer({ groupId: GROUP, maxWaitTimeInMs: 100 })
  const seen = new Map()
  const reading = (async () => {
    await consumer.connect()
    await consumer.subscribe({ topic: TOPIC })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        const key = String(message.key)
        if (!seen.has(key)) seen.set(key, { timestamp: Number(message.timestamp), receivedAt: Date.now() })
      },
    })
    for (const [partition, offset] of from) consumer.seek({ topic: TOPIC, partition, offset: String(offset) })
  })()
  return {
    until: async (keys, limit) => {
      await reading
      const end = performance.now() + limit
      while (performance.now() < end && [...keys].some((key) => !seen.has(key))) await pause(50)
      await consumer.disconnect()
      return seen
    },
  }
}

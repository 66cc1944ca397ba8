// The service that is demonstrated: orders, of which some fail a few times and one always. It uses KafkaJS, as services
// do that already exist; the handler does not care which client reads the messages.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { Kafka, logLevel } = require('kafkajs')

export const TOPIC = 'orders'

/** How often each order fails before it succeeds. */
export const orders = [
  ...[1, 2, 3, 4, 5, 6].map((n) => ({ id: `order-${n}`, failures: 0 })),
  { id: 'order-7', failures: 1 },
  { id: 'order-8', failures: 1 },
  { id: 'order-9', failures: 1 },
  { id: 'order-10', failures: 2 },
  { id: 'order-11', failures: 3 },
  { id: 'order-12', failures: Infinity },
]

const client = (brokers) => new Kafka({ clientId: 'demo', brokers: brokers.split(','), logLevel: logLevel.NOTHING })

export async function produceOrders(brokers) {
  const producer = client(brokers).producer()
  await producer.connect()
  const messages = orders.map(({ id }, n) => ({ key: id, value: JSON.stringify({ id, amount: 10 * (n + 1) }) }))
  await producer.send({ topic: TOPIC, messages })
  await producer.disconnect()
}

export async function handleOrders(brokers, handler, tally) {
  const consumer = client(brokers).consumer({ groupId: 'billing' })
  await consumer.connect()
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      const order = JSON.parse(message.value.toString())
      const failed = { topic, dataId: order.id, groupId: 'billing', headers: message.headers }
      try {
        bill(order, tally)
        tally.succeeded(order.id)
        if (order.fromRetry) await handler.notifySuccess(failed)
      } catch (error) {
        const { key, value, offset, timestamp } = message
        await handler.pushError({ ...failed, key, value, partition, offset, timestamp: Number(timestamp), error })
      }
    },
  })
  return consumer
}

function bill({ id }, tally) {
  const { failures } = orders.find((order) => order.id === id)
  if (tally.handled(id) <= failures) throw new Error(failures === Infinity ? 'no such customer' : 'the bank is busy')
}

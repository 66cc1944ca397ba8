// A private Kafka with two doors: programs under test come in through the proxy, the driver does not. And the reader that
// sees every record of the topic from its beginning.
import { randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'
import { freePort } from '../../scripts/services/free-port.mjs'
import { start as startKafka } from '../../scripts/services/kafka.mjs'
import { PARTITIONS } from './payload.mjs'
import { Proxy } from './proxy.mjs'

export const TOPIC = 'faults'
const WAIT_LIMIT_MS = 60_000

export async function startBroker({ say }) {
  const proxy = await Proxy.start()
  const [inner, outer, controller] = [await freePort(), await freePort(), await freePort()]
  const service = await startKafka({
    say,
    port: inner,
    properties: {
      listeners: `PLAINTEXT://127.0.0.1:${inner},PROXIED://127.0.0.1:${outer},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${inner},PROXIED://127.0.0.1:${proxy.port}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'inter.broker.listener.name': 'PLAINTEXT',
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    },
  })
  proxy.target = outer
  const reader = new Reader(service.brokers)
  await reader.start()
  return {
    proxy,
    reader,
    brokers: `127.0.0.1:${proxy.port}`,
    async stop() {
      await reader.stop()
      await proxy.close()
      await service.stop()
    },
  }
}

/** Hands each record to whoever listens for its namespace: the part of its id before the first dot. */
class Reader {
  #listeners = new Map()
  #seen = Array.from({ length: PARTITIONS }, () => 0)
  #number = 0

  constructor(brokers) {
    const { logLevel } = kafkajs
    const retry = { initialRetryTime: 50, maxRetryTime: 1_000, retries: 100 }
    const kafka = new kafkajs.Kafka({ clientId: 'faults', brokers: [brokers], logLevel: logLevel.NOTHING, retry })
    this.admin = kafka.admin()
    this.consumer = kafka.consumer({ groupId: `faults-${randomUUID()}`, maxWaitTimeInMs: 50 })
  }

  async start() {
    await this.admin.connect()
    await this.admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }], waitForLeaders: true })
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
    await this.consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        this.#seen[partition] = Number(message.offset) + 1
        const record = this.#read(partition, message)
        this.#listeners.get(record.id.split('.')[0])?.(record)
      },
    })
  }

  listen(namespace, listener) {
    this.#listeners.set(namespace, listener)
  }

  forget(namespace) {
    this.#listeners.delete(namespace)
  }

  /** Resolves when everything that is in the log now was handed out. */
  async caughtUp() {
    const ends = await this.admin.fetchTopicOffsets(TOPIC)
    const isRead = () => ends.every(({ partition, high }) => this.#seen[partition] >= Number(high))
    for (const limit = Date.now() + WAIT_LIMIT_MS; !isRead();) {
      if (Date.now() > limit) throw new Error('the reader does not get to the end of the topic')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async stop() {
    await this.consumer.disconnect()
    await this.admin.disconnect()
  }

  #read(partition, { offset, key, value, headers, timestamp }) {
    const list = Object.entries(headers ?? {}).flatMap(([name, values]) =>
      (Array.isArray(values) ? values : [values]).map((one) => [name, one && Buffer.from(one)]),
    )
    const text = (name) => list.find(([found]) => found === name)?.[1]?.toString() ?? ''
    return {
      number: this.#number++,
      partition,
      offset,
      key,
      value,
      headers: list,
      timestamp: Number(timestamp),
      id: text('id'),
      life: text('x-ker-entry'),
      generation: Number(text('x-ker-generation')),
      attempt: Number(text('x-ker-attempt')),
    }
  }
}

/** A record as it goes to a program. */
export function sendable({ key, value, headers, ...rest }) {
  return { ...rest, key: text(key), value: text(value), headers: headers.map(([name, bytes]) => [name, text(bytes)]) }
}

function text(bytes) {
  return bytes?.toString('base64') ?? null
}

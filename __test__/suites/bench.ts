// What the stories share: a store, the real broker, topics of their own, and a reader that sees every record.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type { ExecutionContext } from 'ava'
import kafkajs, { type KafkaMessage } from 'kafkajs'

import { KafkaErrorHandler } from '../../index.js'
import type { DatabaseOptions, HandlerOptions } from '../../index.js'
import { missingRequirements } from '../../scripts/services/install.mjs'

/** A database for one spec file. */
export interface Backend {
  name: 'sqlite' | 'mysql' | 'postgres'
  db: DatabaseOptions | string
  end(): void
}

/** SQLite needs nothing; the servers are named by the environment, which `npm test` fills. */
export function backend(name: Backend['name']): Backend | undefined {
  if (name === 'sqlite') {
    const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-story-'))
    return {
      name,
      db: `sqlite:${path.join(folder, 'retry.db')}`,
      end: () => rmSync(folder, { recursive: true, force: true }),
    }
  }
  const url = service(name === 'mysql' ? 'KER_TEST_MYSQL_URL' : 'KER_TEST_POSTGRES_URL')
  return url === undefined ? undefined : { name, db: `${url}/ker-stories`, end: () => undefined }
}

/** The address of a server under test, or a loud word that its tests are left out. */
export function service(variable: string): string | undefined {
  const address = process.env[variable]
  if (address !== undefined) return address
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`${variable} is not set, and REQUIRE_SERVICES=1`)
  console.error(`SKIPPED: ${variable} is not set; npm test starts the servers`)
  return undefined
}

const lacking = new Set(missingRequirements().map(({ service }) => service))

/** Whether a private server of this kind can be started, or a loud word that its tests are left out. */
export function isInstalled(name: 'kafka' | 'mariadb' | 'postgres'): boolean {
  if (!lacking.has(name)) return true
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`${name} is not installed, and REQUIRE_SERVICES=1`)
  console.error(`SKIPPED: ${name} is not installed; npm test says how`)
  return false
}

export const brokers = service('KER_TEST_BROKERS')

const kafka = () =>
  new kafkajs.Kafka({ clientId: 'stories', brokers: (brokers ?? '').split(','), logLevel: kafkajs.logLevel.NOTHING })

/** A record as it stands in the log. */
export type Read = KafkaMessage & { partition: number }

/** A handler with a namespace and a topic of its own, closed when the test ends. */
export class Bench {
  readonly topic = `story-${randomUUID()}`
  readonly namespace = randomUUID().slice(0, 30)

  constructor(
    private readonly t: ExecutionContext,
    readonly backend: Backend,
  ) {}

  options(further: Partial<HandlerOptions> = {}): HandlerOptions {
    return {
      db: this.backend.db,
      kafka: { brokers: brokers ?? '', topics: [this.topic], partitions: 4, replicas: 1 },
      namespace: this.namespace,
      logger: false,
      ...further,
    }
  }

  async handler(further: Partial<HandlerOptions> = {}): Promise<KafkaErrorHandler> {
    const handler = new KafkaErrorHandler(this.options(further))
    this.t.teardown(() => handler.close())
    handler.on('error', (error) => this.t.log('error event', error.code, error.message))
    handler.on('warning', ({ code, message }) => this.t.log('warning', code, message))
    handler.on('deliveryFailed', ({ dataId, outcome, code, message }) => {
      this.t.log('deliveryFailed', dataId, outcome, code, message)
    })
    await handler.initialize()
    return handler
  }

  /** Reads every record of a topic from its beginning, and hands each to `handle`. */
  async read(handle: (record: Read) => Promise<void> | void = () => undefined, topic = this.topic): Promise<Reader> {
    // A partition without a leader yet would be left out of what KafkaJS assigns, for minutes.
    await eventually(() => this.hasLeaders(topic).catch(() => false))
    const reader = new Reader(kafka().consumer({ groupId: `reader-${randomUUID()}` }), topic, handle)
    this.t.teardown(() => reader.stop())
    await reader.start()
    return reader
  }

  async partitions(topic = this.topic): Promise<{ partitions: number; replicas: number }> {
    const { topics } = await administer((admin) => admin.fetchTopicMetadata({ topics: [topic] }))
    const found = topics[0]?.partitions ?? []
    return { partitions: found.length, replicas: found[0]?.replicas.length ?? 0 }
  }

  private async hasLeaders(topic: string): Promise<boolean> {
    const { topics } = await administer((admin) => admin.fetchTopicMetadata({ topics: [topic] }))
    const partitions = topics[0]?.partitions ?? []
    return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)
  }

  async createTopic(name: string, configEntries: { name: string; value: string }[], numPartitions = 1): Promise<void> {
    const topics = [{ topic: name, numPartitions, configEntries }]
    await administer((admin) => admin.createTopics({ topics, waitForLeaders: false }))
    await eventually(() =>
      this.partitions(name).then(
        ({ partitions }) => partitions > 0,
        () => false,
      ),
    )
  }
}

async function administer<T>(work: (admin: ReturnType<ReturnType<typeof kafka>['admin']>) => Promise<T>): Promise<T> {
  const admin = kafka().admin()
  try {
    await admin.connect()
    return await work(admin)
  } finally {
    // A connection left behind would keep the process of the tests alive.
    await admin.disconnect()
  }
}

/** All records of a topic, in the order in which they were read. */
export class Reader {
  readonly records: Read[] = []
  private readonly waiting = new Set<() => void>()

  constructor(
    private readonly consumer: ReturnType<InstanceType<typeof kafkajs.Kafka>['consumer']>,
    private readonly topic: string,
    private readonly handle: (record: Read) => Promise<void> | void,
  ) {}

  async start(): Promise<void> {
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    await this.consumer.run({
      eachMessage: async ({ partition, message }) => {
        const record = { ...message, partition }
        this.records.push(record)
        await this.handle(record)
        for (const look of this.waiting) look()
      },
    })
  }

  /** Resolves as soon as so many records were read and handled. */
  async until(isEnough: (records: Read[]) => boolean, longest = 60_000): Promise<Read[]> {
    if (isEnough(this.records)) return this.records
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!isEnough(this.records)) return
        clearTimeout(late)
        this.waiting.delete(look)
        resolve(this.records)
      }
      const late = setTimeout(() => {
        this.waiting.delete(look)
        void this.missing().then((found) => reject(new Error(`after ${longest} ms only ${found}`)))
      }, longest)
      this.waiting.add(look)
    })
  }

  /** What was read beside what the topic holds: tells a slow reader from a copy that was never sent. */
  private async missing(): Promise<string> {
    const ends = await administer((admin) => admin.fetchTopicOffsets(this.topic)).catch((error: unknown) =>
      String(error),
    )
    const read: Record<number, number> = {}
    for (const { partition } of this.records) read[partition] = (read[partition] ?? 0) + 1
    const state = JSON.stringify({ read, ends })
    return `${this.records.length} records were read: ${state}`
  }

  async stop(): Promise<void> {
    await this.consumer.disconnect()
  }
}

/** Resolves with the next event that `isIt` accepts. */
export function event<
  Name extends 'error' | 'dead' | 'resolved' | 'redelivered' | 'stored' | 'warning' | 'deliveryFailed',
>(
  handler: KafkaErrorHandler,
  name: Name,
  // The events are typed by name; one accepting function for all of them is not.
  isIt: (event: any) => boolean = () => true,
  longest = 60_000,
): Promise<any> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${name} event within ${longest} ms`)), longest)
    handler.on(name, (happened: unknown) => {
      if (!isIt(happened)) return
      clearTimeout(late)
      resolve(happened)
    })
  })
}

/** Asks again until the answer is right: for what no event announces. */
export async function eventually(isRight: () => Promise<boolean>, longest = 60_000): Promise<void> {
  const end = Date.now() + longest
  while (!(await isRight())) {
    if (Date.now() > end) throw new Error(`not so after ${longest} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** A header of a record as text. */
export function header(record: Read, name: string): string | undefined {
  const value = record.headers?.[name]
  return Array.isArray(value) ? value.at(-1)?.toString() : value?.toString()
}

/** Due a few milliseconds after each failure. */
export const quick = { maxDelay: 5 }

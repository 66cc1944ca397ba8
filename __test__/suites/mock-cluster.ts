// librdkafka's mock cluster, which comes with the addon: a broker in this process, on ports that others can reach too.
import { createRequire } from 'node:module'
import path from 'node:path'

export interface MockCluster {
  readonly bootstrapServers: string
  createTopic(name: string, partitions: number): void
  setRoundTrip(milliseconds: number): void
  down(): void
  up(): void
  close(): void
}

interface Native {
  MockCluster: new (brokers: number) => MockCluster
}

/** Starts one broker with a topic. */
export function startMockCluster(topic = 'orders'): MockCluster {
  const native = createRequire(path.resolve('package.json'))('./native.js') as Native
  const cluster = new native.MockCluster(1)
  cluster.createTopic(topic, 2)
  return cluster
}

// kafka-error-retry 2.1.5, as npm has it. It ends with its process only: it has no close().
import { createRequire } from 'node:module'
import { closedLoop, failure } from '../measure/load.mjs'
import { usage } from '../measure/usage.mjs'

export async function open({ db, brokers, options = {} }) {
  const { KafkaErrorHandler } = createRequire(import.meta.url)('kafka-error-retry-2')
  const { hostname, port, username, password } = new URL(db)
  const handler = KafkaErrorHandler.getInstance({
    db: { type: 'mysql', host: hostname, port: Number(port), username, password, logging: false },
    kafka: { brokers, partitions: 8, replicas: 1 },
    policy: { retryCount: 10, backoff: true },
    ...options,
  })
  await handler.initialize()
  return {
    push: ({ callers, seconds, count }) =>
      closedLoop({ call: () => handler.pushError(failure()), callers, seconds, count }),
    call: ({ method, argument }) => handler[method](argument),
    run: () => handler.runRetryTask(),
    ...usage,
    close: () => {},
  }
}

// Handlers for one row each, and what a row is that is more than one call and its refusal.
import type { ExecutionContext } from 'ava'

import { KafkaErrorHandler } from '../../index.js'
import type { HandlerOptions } from '../../index.js'
import { canary } from './refusal.js'

/** A row that is more than one call and its refusal. */
export interface Story {
  title: string
  run(t: ExecutionContext): Promise<void>
}

/** Nothing listens there: the store works all the same. */
export const options: HandlerOptions = {
  db: { type: 'memory', password: canary },
  kafka: { brokers: '127.0.0.1:1' },
  connectTimeout: 300,
  logger: false,
}

export const message = { topic: 'orders', dataId: 1, key: canary, value: canary }

/** A handler that is closed when the test ends. */
export function made(t: ExecutionContext, further: Partial<HandlerOptions> = {}): KafkaErrorHandler {
  const handler = new KafkaErrorHandler({ ...options, ...further })
  t.teardown(() => handler.close())
  return handler
}

export async function ready(t: ExecutionContext, further: Partial<HandlerOptions> = {}): Promise<KafkaErrorHandler> {
  const handler = made(t, further)
  await handler.initialize()
  return handler
}

/** The warnings with a code, as they come. */
export function warnings(handler: KafkaErrorHandler, code: string): string[] {
  const heard: string[] = []
  handler.on('warning', (warning) => warning.code === code && heard.push(warning.message))
  return heard
}

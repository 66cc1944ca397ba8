/**
 * Calls made one by one in the same turn of the event loop cross together, since a crossing costs more than a row.
 * Order is kept: what was called first crosses first, failures and successes alike.
 */
import { errorOf, KafkaRetryError } from './errors'
import type { NativeFailure, NativeHandler, NativePushAnswer, NativeResolveAnswer, NativeSuccess } from './native'

interface Waiting<Item, Answer> {
  item: Item
  settle: { resolve(answer: Answer): void; reject(error: unknown): void }
}

type Batch =
  | { verb: 'push'; waiting: Waiting<NativeFailure, NativePushAnswer>[] }
  | { verb: 'resolve'; waiting: Waiting<NativeSuccess, NativeResolveAnswer>[] }

// A batch is answered as one: larger ones would keep callers together whose transactions have ended one after the other.
// And a native queue which is nearly full can still take the first ones of a turn.
const largestBatch = 32

/** The queue of one handler. */
export class Outbox {
  readonly #native: Pick<NativeHandler, 'push' | 'resolve'>
  #batches: Batch[] = []

  constructor(native: Pick<NativeHandler, 'push' | 'resolve'>) {
    this.#native = native
  }

  /** Sends one failure at the end of this turn. */
  push(item: NativeFailure): Promise<NativePushAnswer> {
    return own((resolve, reject) => this.#batch('push').waiting.push({ item, settle: { resolve, reject } }))
  }

  /** Sends one success at the end of this turn. */
  resolve(item: NativeSuccess): Promise<NativeResolveAnswer> {
    return own((resolve, reject) => this.#batch('resolve').waiting.push({ item, settle: { resolve, reject } }))
  }

  /** Sends an array of failures now, after what waits. */
  pushAll(items: NativeFailure[]): Promise<NativePushAnswer[]> {
    this.flush()
    return this.#native.push(items)
  }

  /** Sends an array of successes now, after what waits. */
  resolveAll(items: NativeSuccess[]): Promise<NativeResolveAnswer[]> {
    this.flush()
    return this.#native.resolve(items)
  }

  /** Sends what waits. The native half fixes the order when it is called, not when it answers. */
  flush(): void {
    const batches = this.#batches
    this.#batches = []
    for (const batch of batches) {
      if (batch.verb === 'push') void deliver(batch.waiting, (items) => this.#native.push(items))
      else void deliver(batch.waiting, (items) => this.#native.resolve(items))
    }
  }

  #batch<Verb extends Batch['verb']>(verb: Verb): Extract<Batch, { verb: Verb }> {
    if (this.#batches.length === 0) queueMicrotask(() => this.flush())
    const last = this.#batches.at(-1)
    if (last?.verb === verb && last.waiting.length < largestBatch) return last as Extract<Batch, { verb: Verb }>
    const batch = { verb, waiting: [] } as unknown as Extract<Batch, { verb: Verb }>
    this.#batches.push(batch)
    return batch
  }
}

// One call failed for all who had joined it: each gets an error of its own, whose stack leads to its own caller.
async function own<Answer>(
  join: (resolve: (answer: Answer) => void, reject: (error: unknown) => void) => unknown,
): Promise<Answer> {
  try {
    return await new Promise<Answer>((resolve, reject) => void join(resolve, reject))
  } catch (error) {
    throw error instanceof KafkaRetryError ? errorOf(error.code, error.message, error) : error
  }
}

// Never rejects: each error goes to those who wait.
async function deliver<Item, Answer>(
  waiting: Waiting<Item, Answer>[],
  send: (items: Item[]) => Promise<Answer[]>,
): Promise<void> {
  try {
    const answers = await send(waiting.map(({ item }) => item))
    for (const [index, { settle }] of waiting.entries()) settle.resolve(answers[index] as Answer)
  } catch (error) {
    for (const { settle } of waiting) settle.reject(error)
  }
}

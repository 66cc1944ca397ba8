/**
 * The operator's calls: look at stored entries, and act on them.
 */
import type { EntryState } from './answers'
import { wrongReceiver } from './errors'
import { entryIdOf, filterText, refuseUnknown, targetText, type EntryFilter, type EntryTarget } from './filter'
import type { NativeEntry, NativeOperation } from './native'
import { Place } from './place'
import type { RetryPolicy } from './policy'
import type { Session } from './session'
import { isRecord } from './shape'

/** One stored failure. */
export interface Entry {
  /** A decimal string. */
  id: string
  namespace: string
  groupId: string
  topic: string
  dataId: string
  /** Random id of the entry from its first failure until it is gone. */
  life: string
  state: EntryState
  /** Why it is where it is: `'failed'`, `'crash'`, `'no-outcome'`, `'unknown-delivery'`, `'not-delivered'`, … */
  reason: string
  /** How many attempts were counted. */
  retryCount: number
  /** How many times it was redelivered within this life, as decimal text. */
  generation: string
  dueAt: Date
  policy: RetryPolicy
  redelivery: 'original' | 'retryTopic'
  message: EntryMessage
  /** What was thrown at the last failure. */
  error: { class: string; message: string; code: string | null; stack: string | null } | null
  firstFailedAt: Date
  lastFailedAt: Date
}

/** The stored record: bytes as they were given, and where it stood. */
export interface EntryMessage {
  key: Buffer | null
  value: Buffer | null
  /** In the order of the record. `pushError` takes them in this form. */
  headers: { name: string; value: Buffer | null }[]
  partition: number | null
  offset: string | null
  timestamp: Date | null
}

/** Conditions, and which page of what they find. */
export interface EntryQuery extends EntryFilter {
  /** How many entries at most: 1–1000. Default 100. */
  limit?: number
  /** Where the page before ended. */
  cursor?: string | null
}

/** One page of entries. */
export interface EntryPage {
  entries: Entry[]
  /** What `list` takes for the next page; null at the end. */
  cursor: string | null
}

/** The stored entries of a handler: `handler.entries`. Every call rejects with `KER_ARGUMENT` when its filter is wrong. */
export class Entries {
  readonly #session: Session

  /** Handlers make it. */
  constructor(session: Session) {
    this.#session = session
  }

  /** One page of entries, oldest first. */
  async list(query: EntryQuery = {}): Promise<EntryPage> {
    const { native } = Entries.#of(this, 'list')
    const place = new Place('entries.list', 'filter')
    const filter = filterText(query, 'entries.list', ['limit', 'cursor'])
    const limit = place.read(query, 'limit') ?? 100
    const cursor = place.read(query, 'cursor') ?? null
    if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > 1_000) {
      return place.refuse('limit', 'must be an integer 1–1000', limit)
    }
    if (cursor !== null && typeof cursor !== 'string')
      return place.refuse('cursor', 'must be one that entries.list returned', cursor)
    const page = await native.list(filter, limit, cursor)
    return { entries: page.entries.map(entryOf), cursor: page.cursor }
  }

  /** One entry with its message, or null when there is none with this id. */
  async get(id: string): Promise<Entry | null> {
    const { native } = Entries.#of(this, 'get')
    const entry = await native.get(entryIdOf(id, 'entries.get'))
    return entry === null ? null : entryOf(entry)
  }

  /** How many entries there are. */
  async count(filter: EntryFilter = {}): Promise<number> {
    const { native } = Entries.#of(this, 'count')
    return await native.count(filterText(filter, 'entries.count'))
  }

  /**
   * Makes dead and held entries due again with `retryCount` 0. Unknown ids count 0; one that is named by its id and is
   * not dead or held rejects with `KER_STATE`.
   *
   * `redelivery` also changes where the redeliveries go.
   */
  async requeue(
    target: EntryTarget,
    options: { redelivery?: Entry['redelivery'] } = {},
  ): Promise<{ requeued: number }> {
    const session = Entries.#of(this, 'requeue')
    return { requeued: await operate(session, 'requeue', target, redeliveryOf(options)) }
  }

  /** Makes waiting entries due now. Their count stays. */
  async retryNow(target: EntryTarget): Promise<{ retried: number }> {
    return { retried: await operate(Entries.#of(this, 'retryNow'), 'retryNow', target) }
  }

  /** Sets entries aside: they are not delivered until they are requeued. */
  async hold(target: EntryTarget): Promise<{ held: number }> {
    return { held: await operate(Entries.#of(this, 'hold'), 'hold', target) }
  }

  /** Deletes entries as if they had succeeded: those that wait behind them go on. */
  async discard(target: EntryTarget): Promise<{ discarded: number }> {
    return { discarded: await operate(Entries.#of(this, 'discard'), 'discard', target) }
  }

  /** Deletes dead entries. */
  async purge(target: EntryTarget): Promise<{ purged: number }> {
    return { purged: await operate(Entries.#of(this, 'purge'), 'purge', target) }
  }

  static #of(receiver: unknown, call: string): Session {
    const method = `entries.${call}`
    if (typeof receiver === 'object' && receiver !== null && #session in receiver)
      return receiver.#session.ready(method)
    throw wrongReceiver(method)
  }
}

async function operate(
  session: Session,
  operation: NativeOperation,
  target: unknown,
  redelivery: string | null = null,
): Promise<number> {
  const isDeletion = operation === 'discard' || operation === 'purge'
  const filter = targetText(target, `entries.${operation}`, isDeletion ? 'delete' : 'act on')
  return filter === undefined ? 0 : session.native.operate(operation, filter, redelivery)
}

function redeliveryOf(options: unknown): string | null {
  const place = new Place('entries.requeue', 'options')
  if (!isRecord(options)) return place.refuse('', 'must be an object', options)
  for (const key of place.look('', () => Object.keys(options))) {
    if (key !== 'redelivery') refuseUnknown(key, place, ['redelivery'])
  }
  const redelivery = place.read(options, 'redelivery') ?? null
  const fits = redelivery === null || redelivery === 'original' || redelivery === 'retryTopic'
  return fits ? redelivery : place.refuse('redelivery', 'must be one of original, retryTopic', redelivery)
}

function entryOf({ message, ...entry }: NativeEntry): Entry {
  return {
    ...entry,
    state: entry.state as EntryState,
    redelivery: entry.redelivery as Entry['redelivery'],
    dueAt: new Date(entry.dueAt),
    policy: JSON.parse(entry.policy) as RetryPolicy,
    message: {
      key: bufferOf(message.key),
      value: bufferOf(message.value),
      headers: message.headers.map(({ name, value }) => ({ name, value: bufferOf(value) })),
      partition: message.partition,
      offset: message.offset,
      timestamp: message.timestamp === null ? null : new Date(message.timestamp),
    },
    firstFailedAt: new Date(entry.firstFailedAt),
    lastFailedAt: new Date(entry.lastFailedAt),
  }
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

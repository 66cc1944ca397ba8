/**
 * Failures and successes on their way to the native half: a batch crosses as one JSON text with the bytes in a list beside
 * it, since reading an object field by field over the border costs more than its row in the database.
 */
import type { NativeFailure, NativeHeader, NativeSuccess } from './native'

/** A batch as it crosses. */
export type PackedBatch = readonly [json: string, bytes: Uint8Array[]]

/** Failures, in their order. */
export function failureBatch(failures: readonly NativeFailure[]): PackedBatch {
  const slots = new Slots()
  const items = failures.map(({ groupId, dataId, message, policy, error, failureId }) => ({
    groupId,
    dataId,
    topic: message.topic,
    key: slots.add(message.key),
    value: slots.add(message.value),
    headers: slots.addHeaders(message.headers),
    partition: message.partition,
    offset: message.offset,
    timestamp: message.timestamp,
    policy,
    error,
    failureId,
  }))
  return [JSON.stringify(items), slots.bytes]
}

/** Successes, in their order. */
export function successBatch(successes: readonly NativeSuccess[]): PackedBatch {
  const slots = new Slots()
  const items = successes.map(({ groupId, topic, dataId, headers }) => ({
    groupId,
    topic,
    dataId,
    headers: headers === null ? null : slots.addHeaders(headers),
  }))
  return [JSON.stringify(items), slots.bytes]
}

class Slots {
  readonly bytes: Uint8Array[] = []

  add(bytes: Uint8Array | null): number | null {
    return bytes === null ? null : this.bytes.push(bytes) - 1
  }

  addHeaders(headers: readonly NativeHeader[]): [name: string, slot: number | null][] {
    return headers.map(({ name, value }) => [name, this.add(value)])
  }
}

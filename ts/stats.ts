/**
 * What `stats()`, `health()` and `sweep()` resolve with.
 */
import type { EntryState } from './answers'

/** A snapshot of a handler. Counts of entries are the database's and may be up to 15 s old. */
export interface HandlerStats {
  /** How many entries there are, per topic, group and state. */
  entries: { topic: string; groupId: string; state: EntryState; count: number }[]
  /** How long the oldest due entry has been waiting, in milliseconds; null when none is due. */
  oldestDueMs: number | null
  /** Calls of this process that wait for the database. */
  pending: number
  /** Sweeps of this process. */
  sweeps: number
  /** Ticks that were skipped because a sweep was still running. */
  sweepsSkipped: number
  /** What this process has done since it began. */
  counters: { stored: number; redelivered: number; resolved: number; dead: number; deliveryFailed: number }
}

/** One check of `health()`. */
export interface HealthCheck {
  /** `'stopped'`: only the scheduler, while `runRetryTask` is not active. */
  status: 'ok' | 'degraded' | 'down' | 'stopped'
  /** Why it is not ok. */
  reason?: string
}

/** Whether a handler can do its work. `down` means that nothing can be stored. */
export interface HandlerHealth {
  status: 'ok' | 'degraded' | 'down'
  checks: { database: HealthCheck; kafka: HealthCheck; scheduler: HealthCheck }
}

/** What one sweep did. */
export interface SweepReport {
  /** Entries that it took. */
  claimed: number
  /** Copies that the broker acknowledged. */
  delivered: number
  /** Deliveries with an unknown outcome: a failed attempt each. */
  failed: number
  /** Deliveries that surely did not happen: the attempt is given back. */
  givenBack: number
  /** Entries that can never be delivered. */
  dead: number
  /** Entries that were set aside. */
  held: number
  /** Adopted entries that a 2.x process had handled: gone. */
  resolved: number
}

/** The health of a handler that cannot be asked. */
export function downHealth(reason: string): HandlerHealth {
  const check: HealthCheck = { status: 'down', reason }
  return { status: 'down', checks: { database: { ...check }, kafka: { ...check }, scheduler: { ...check } } }
}

/**
 * The shape of a retry policy, in the options and in one call.
 */
import type { Duration } from './duration'
import { duration, flag, integer, oneOf, record, type Shape } from './shape'

/** When a failed message is tried again, and how often (2.x). */
export interface RetryPolicy {
  /** The most redeliveries; the failure after the last one makes the entry dead. 0–2147483647. Default 10. */
  retryCount?: number
  /** The delay after the n-th failure in seconds: `true` 2ⁿ, `false` n. Default `true`. */
  backoff?: boolean
  /** The longest delay. Default one day (2.x had no limit). */
  maxDelay?: Duration
  /** Whether a delay is spread at random, so that many entries do not fall due at once. Default `false`. */
  jitter?: boolean
  /**
   * What `retryCount` counts: `'redeliveries'`, or `'2.x'` for the arithmetic of `kafka-error-retry` 2.x, whose
   * `retryCount: N` allowed N − 1 redeliveries. Default `'redeliveries'`.
   */
  counting?: 'redeliveries' | '2.x'
}

/** Reads a policy; `maxDelay` becomes milliseconds. */
export const policy: Shape = record({
  retryCount: integer(0, 2_147_483_647),
  backoff: flag,
  maxDelay: duration,
  jitter: flag,
  counting: oneOf('redeliveries', '2.x'),
})

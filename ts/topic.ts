/**
 * Names of topics, as Kafka takes them.
 */

/** What a message says was expected. */
export const topicExpected = "must be 1–249 characters of [A-Za-z0-9._-] and not '.' or '..'"

/** Whether Kafka takes `value` as the name of a topic. */
export function isTopic(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9._-]{1,249}$/.test(value) && value !== '.' && value !== '..'
}

/**
 * Durations as users write them: a number of milliseconds, or a string with a unit.
 */

/** Milliseconds, or a string with a unit: `'500ms'`, `'30s'`, `'5m'`, `'1h'`, `'2d'`, `'1.5h'`. */
export type Duration = number | string

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const written = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)$/

/** What a message says was expected. */
export const durationExpected = 'must be a duration > 0'

/** The whole milliseconds of `value`, or `undefined` when it is no duration above zero. */
export function parseDuration(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? writtenMs(value) : value
  return typeof ms === 'number' && Number.isSafeInteger(ms) && ms > 0 ? ms : undefined
}

function writtenMs(text: string): number | undefined {
  const [, amount, unit] = written.exec(text) ?? []
  return amount === undefined ? undefined : Math.round(Number(amount) * unitMs[unit as keyof typeof unitMs])
}

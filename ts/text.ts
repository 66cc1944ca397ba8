/**
 * Which texts every store can keep.
 */
const loneSurrogate = /\p{Surrogate}/u

/** What a message says was expected. */
export const storableExpected = 'must be valid Unicode without NUL'

/** PostgreSQL refuses NUL, and half a surrogate pair becomes another character on its way to bytes. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !loneSurrogate.test(text)
}

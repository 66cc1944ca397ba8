/**
 * Which texts every store can keep.
 */
const loneSurrogate = /\p{Surrogate}/u

/** What a message says was expected. */
export const storableExpected = 'must be valid Unicode without NUL'

/** The text with a replacement character for each half of a surrogate pair, as UTF-8 has it. */
export function wellFormed(text: string): string {
  return loneSurrogate.test(text) ? Buffer.from(text).toString() : text
}

/** PostgreSQL refuses NUL, and half a surrogate pair becomes another character on its way to bytes. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !loneSurrogate.test(text)
}

/**
 * The known name that a wrong one was probably meant to be.
 */

// A key may be anything, such as a whole payload used as a key by mistake: comparing it would cost its length squared.
const longest = 64

/** The closest of `known` within a third of the word's length, or `undefined` when none is near enough to suggest. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > longest) return undefined
  let best: string | undefined
  let limit = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase())
    if (edits < limit) {
      best = candidate
      limit = edits
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbors: what a typing hand does. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = at(previous, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      let edits = Math.min(replaced, at(previous, column) + 1, at(current, column - 1) + 1)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, at(before, column - 2) + 1)
      }
      current.push(edits)
    }
    before = previous
    previous = current
  }
  return at(previous, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? 0
}

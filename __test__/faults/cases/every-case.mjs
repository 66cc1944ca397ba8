import { g1 } from './g1.mjs'
import { g2 } from './g2.mjs'
import { g5 } from './g5.mjs'
import { g7 } from './g7.mjs'
import { g8 } from './g8.mjs'

const number = ({ id }) => id.slice(1).split('.').map(Number)

/** All cases, by their numbers. */
export const cases = [...g1, ...g2, ...g5, ...g7, ...g8].toSorted((left, right) => {
  const [[a, b], [c, d]] = [number(left), number(right)]
  return a - c || b - d
})

/** Bugs that can be planted, and which cases of these must find each of them. */
export const bugs = [
  { id: 'P2', what: 'whoever held a lease once may still end it', cases: ['T8.2'] },
  { id: 'P3', what: 'the clock of the process where the database’s belongs', cases: ['T13.1'] },
  { id: 'P4', what: 'pushError() resolves before COMMIT', cases: ['T1.1'] },
  { id: 'P6', what: 'a copy in the log counts as a success', cases: ['T5.1'] },
  { id: 'P7', what: 'the count of attempts lives only in the process', cases: ['T9.1'] },
  { id: 'P10', what: 'our headers are appended once more', cases: ['T5.1'] },
  { id: 'P11', what: 'an unknown outcome is not counted as an attempt', cases: ['T7.4'] },
  { id: 'P12', what: 'SQLite with synchronous=NORMAL', cases: ['T1.3'] },
]

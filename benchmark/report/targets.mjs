// What this package wants to reach, beside what was measured.
import { numeral, ratio } from './numerals.mjs'
import { lastRows } from './results.mjs'

const times = (ours, theirs) => (ours && theirs ? ours.perSecond / theirs.perSecond : undefined)

/** Rows of target, measurement, and whether it was reached. */
export function targetRows() {
  return [...pushTargets(), ...drainTargets(), ...latenessTargets()]
}

function pushTargets() {
  const rows = lastRows('push')
  const at = (size, callers) =>
    rows.find((row) => row.database === 'MariaDB' && row.size === size && row.callers === callers)?.results ?? {}
  const against = [
    [0, 20],
    [10_000, 40],
    [100_000, 150],
  ].map(([size, target]) => {
    const { ours, original } = at(size, 64)
    const text = `\`pushError\`, 64 callers, MariaDB, ${numeral(size)} rows: ${target} × 2.1.5`
    return row(text, times(ours, original), target, (value) => `${numeral(value)} ×`)
  })
  const byHand = [0, 10_000, 100_000, 1_000_000].map((size) => {
    const { ours, byHand, rowByRow } = at(size, 64)
    const text = `\`pushError\`, 64 callers, MariaDB, ${numeral(size)} rows: 0.7 of transactions by hand`
    const limit = times(ours, byHand)?.toFixed(2)
    return row(text, times(ours, rowByRow), 0.7, (value) => `${value.toFixed(2)}, and ${limit} of the raw limit`)
  })
  const flat = times(at(1_000_000, 64).ours, at(0, 64).ours)
  const { ours, byHand: single } = at(0, 1)
  return [
    ...against,
    ...byHand,
    row('`pushError`, 64 callers, MariaDB: at 1 000 000 rows 0.85 of the empty table', flat, 0.85, (value) =>
      value.toFixed(2),
    ),
    row('`pushError`, 1 caller, MariaDB: 0.9 of single rows by hand', times(ours, single), 0.9, (value) =>
      value.toFixed(2),
    ),
  ]
}

function drainTargets() {
  const rows = lastRows('drain').filter(({ results }) => results.ours)
  return rows.flatMap(({ database, rows, results: { ours, byHand } }) => [
    row(
      `redelivery, ${database}: 10 000 rows per second`,
      ours.perSecond,
      10_000,
      (value) => `${numeral(value)}/s, ${ratio(value, byHand?.perSecond)} of what is made by hand`,
    ),
    [
      `redelivery, ${database}: every row once`,
      `${numeral(ours.copies)} copies of ${numeral(ours.distinct)} rows of ${numeral(rows)}`,
      ours.copies === rows && ours.distinct === rows ? 'yes' : '**no**',
    ],
  ])
}

function latenessTargets() {
  return lastRows('lateness').map(({ database, place, receivedMs: { min, p99 } }) => {
    const limit = place === 'another process' ? 1_250 : 250
    const text = `retries, ${database}, ${place}: never early, 99 % at most ${limit} ms late`
    return [text, `earliest ${numeral(min)} ms, 99 % ${numeral(p99)} ms`, min >= 0 && p99 < limit ? 'yes' : '**no**']
  })
}

function row(text, value, target, show) {
  if (value === undefined) return [text, 'not measured', '–']
  return [text, show(value), value >= target ? 'yes' : '**no**']
}

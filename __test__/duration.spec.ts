import test from 'ava'
import fc from 'fast-check'

import { parseDuration } from '../dist/duration'

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

for (const [written, ms] of [
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
  ['1.5s', 1_500],
  [250, 250],
] as const) {
  test(`${JSON.stringify(written)} is ${ms} ms`, (t) => {
    t.is(parseDuration(written), ms)
  })
}

for (const wrong of [
  '',
  '30',
  '30 s',
  's',
  '-1s',
  '1w',
  '1e3s',
  '0s',
  0,
  -1,
  1.5,
  Number.NaN,
  Infinity,
  null,
  true,
  1n,
  {},
]) {
  test(`${typeof wrong} ${String(wrong)} is no duration`, (t) => {
    t.is(parseDuration(wrong), undefined)
  })
}

test('a whole number with a unit is that many units', (t) => {
  const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), unit, (amount, name) => {
      return parseDuration(`${amount}${name}`) === amount * units[name]
    }),
  )
  t.pass()
})

test('whatever is given, the answer is undefined or a positive safe integer', (t) => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const ms = parseDuration(value)
      return ms === undefined || (Number.isSafeInteger(ms) && ms > 0)
    }),
  )
  t.pass()
})

// Makes tests/fixtures/cron-parser.json: random rules, and the ticks that cron-parser finds for them, in the version that
// 2.1.5 brings along. node benchmark/cron-rules.mjs > tests/fixtures/cron-parser.json
import { createRequire } from 'node:module'
import process from 'node:process'

const parser = createRequire(import.meta.url)('cron-parser')

// Always the same rules.
let state = 20_261_121
function next() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}
const text = (date) => date.toISOString().replace('.000', '')
const int = (a, b) => a + Math.floor(next() * (b - a + 1))
const pick = (list) => list[int(0, list.length - 1)]
const months = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ')
const days = 'SUN MON TUE WED THU FRI SAT'.split(' ')
function field(low, high, names) {
  const one = () => int(low, high)
  const word = (n) => (names && next() < 0.5 ? names[n - low] : String(n))
  const range = () => [one(), one()].toSorted((a, b) => a - b)
  switch (int(0, 6)) {
    case 0:
    case 1:
    case 2:
      return '*'
    case 3:
      return `*/${int(2, Math.max(2, Math.floor((high - low) / 2)))}`
    case 4:
      return Array.from({ length: int(1, 3) }, () => word(one())).join(',')
    case 5:
      return range().map(word).join('-')
    default:
      return `${range().join('-')}/${int(1, 5)}`
  }
}
const out = []
while (out.length < 200) {
  const six = next() < 0.5
  const fields = [field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12, months), field(0, 6, days)]
  const rule = fields.slice(six ? 0 : 1).join(' ')
  const timezone = pick(['UTC', 'Asia/Shanghai', 'America/Sao_Paulo', 'Asia/Kolkata', 'Europe/Berlin'])
  const from = new Date(Date.UTC(int(2024, 2030), int(0, 11), int(1, 28), int(0, 23), int(0, 59), int(0, 59)))
  try {
    const ticks = parser.parseExpression(rule, { currentDate: from, tz: timezone })
    out.push([rule, timezone, text(from), Array.from({ length: 5 }, () => text(ticks.next().toDate()))])
  } catch {
    // A day that no month has: another one.
  }
}
process.stdout.write(`[\n${out.map((rule) => `  ${JSON.stringify(rule)}`).join(',\n')}\n]\n`)

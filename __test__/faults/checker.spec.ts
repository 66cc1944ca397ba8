// The checker is given trials that went wrong, each in one way: it must see each, and nothing in the one that went right.
import test from 'ava'

import { check, type Facts } from './checker.mjs'
import { messageOf, PASSWORD_CANARY, valueOfCopy } from './payload.mjs'

const id = 't1.e0'
const life = 'ab'.repeat(16)
const first = '01'.repeat(16)
const second = '02'.repeat(16)

function call(number: number, what: object, began: number, ended: number, answer: object) {
  return [
    { p: 'a', call: number, type: 'invoke', t: began, ...what },
    { p: 'a', call: number, t: ended, ...what, ...answer },
  ]
}

const bytes = (text: string | Buffer | null) => (text === null ? null : Buffer.from(text))

function copy(generation = 1, attempt = 2) {
  const original = messageOf('faults', id)
  const headers = original.headers.map(([name, value]) => [name, bytes(value)])
  return {
    id,
    life,
    generation,
    attempt,
    partition: original.partition ?? 0,
    offset: '7',
    key: bytes(original.key),
    value: valueOfCopy(original),
    headers: [...headers, ['x-ker-entry', Buffer.from(life)], ['x-ker-sum', Buffer.from('1')]] as [string, Buffer][],
  }
}

const still = { entry: 1, dataId: id, life, failedGeneration: 0, attempt: 1, oldAttempt: 1, who: 'a', reason: 'failed' }
const same = { oldRecent: first, recent: first, copyPartition: null, copyOffset: null }
const { partition } = copy()

const audit = {
  inserted: {
    ...still,
    seq: 1,
    op: 'I',
    oldState: '',
    newState: 'scheduled',
    oldAttempt: null,
    generation: 0,
    oldRecent: '',
    recent: first,
    token: '',
    oldToken: '',
    oldDue: null,
    due: 1_000,
    clock: 900,
    copyPartition: null,
    copyOffset: null,
  },
  claimed: {
    ...still,
    ...same,
    seq: 2,
    op: 'U',
    oldState: 'scheduled',
    newState: 'leased',
    generation: 1,
    oldToken: '',
    token: 'A',
    oldDue: 1_000,
    due: 5_000,
    clock: 1_001,
  },
  marked: {
    ...still,
    ...same,
    seq: 3,
    op: 'U',
    oldState: 'leased',
    newState: 'awaiting',
    generation: 1,
    oldToken: 'A',
    token: 'A',
    oldDue: 5_000,
    due: 9_000,
    clock: 1_100,
    copyPartition: partition,
    copyOffset: 7,
  },
  deleted: {
    ...still,
    seq: 4,
    op: 'D',
    oldState: 'awaiting',
    newState: '',
    generation: 1,
    oldToken: 'A',
    token: '',
    oldDue: 9_000,
    due: 9_000,
    clock: 1_200,
    oldRecent: first,
    recent: '',
    copyPartition: null,
    copyOffset: null,
  },
}

const push = call(1, { op: 'push', id }, 10, 20, { type: 'ok', retryCount: 1 })
const success = call(2, { op: 'success', id, life, generation: 1 }, 30, 40, { type: 'ok', deleted: 1 })

/** Stored, redelivered, forgotten. */
function good(): Facts {
  return {
    history: [...push, ...success],
    copies: [copy()],
    entries: [],
    audit: Object.values(audit),
    outputs: [],
    topic: 'faults',
    kills: 0,
    isFaulty: false,
    retryCount: 20,
  }
}

const entry = { dataId: id }

test('a trial that went right has no violations', (t) => {
  t.deepEqual(check(good()), [])
})

const wrongs: [what: string, invariant: string, change: (facts: Facts) => Partial<Facts>][] = [
  ['an acknowledged failure that is gone', 'I1', () => ({ history: push, audit: [], copies: [] })],
  ['a forgotten entry that is there again', 'I1', () => ({ entries: [entry] })],
  [
    'a success before the last failure',
    'I1',
    () => ({ history: [...success, ...call(3, { op: 'push', id }, 50, 60, { type: 'ok' })] }),
  ],
  [
    'what was refused and is stored',
    'I2',
    () => ({ history: call(1, { op: 'push', id }, 10, 20, { type: 'fail' }), entries: [entry] }),
  ],
  [
    'a call without an answer',
    'I2',
    ({ history }) => ({
      history: [
        ...history,
        { p: 'a', call: 9, type: 'invoke', t: 41, op: 'push', id: 't1.e1' },
        ...call(10, { op: 'close' }, 50, 60, { type: 'ok' }),
      ],
    }),
  ],
  ['a second copy without a fault', 'I3', () => ({ copies: [copy(), { ...copy(), offset: '8' }] })],
  [
    'a lease taken over too early',
    'I4',
    () => ({
      audit: [
        audit.inserted,
        audit.claimed,
        { ...audit.marked, newState: 'leased', token: 'B', clock: 4_000, seq: 9 },
        audit.deleted,
      ],
    }),
  ],
  [
    'a mark by somebody else',
    'I4',
    () => ({ audit: [audit.inserted, audit.claimed, { ...audit.marked, who: 'b' }, audit.deleted] }),
  ],
  ['a mark for another generation’s copy', 'I4', () => ({ copies: [copy(2)] })],
  [
    'a change without a lease',
    'I4',
    () => ({ audit: [audit.inserted, { ...audit.marked, oldState: 'scheduled' }, audit.deleted] }),
  ],
  ['a deletion that nobody asked for', 'I4', () => ({ history: push })],
  [
    'a deletion of a newer failure',
    'I4',
    () => ({ audit: [audit.inserted, audit.claimed, audit.marked, { ...audit.deleted, failedGeneration: 2 }] }),
  ],
  [
    'a count that goes down',
    'I6',
    () => ({ audit: [audit.inserted, { ...audit.claimed, oldAttempt: 2 }, audit.marked, audit.deleted] }),
  ],
  [
    'one report that counts twice',
    'I6',
    () => ({
      audit: [
        audit.inserted,
        { ...audit.marked, newState: 'scheduled', recent: first + second, attempt: 3 },
        audit.deleted,
      ],
    }),
  ],
  ['a death before its time', 'I6', () => ({ audit: [{ ...audit.inserted, newState: 'dead' }], entries: [entry] })],
  [
    'a claim before it was due',
    'I7',
    () => ({ audit: [audit.inserted, { ...audit.claimed, clock: 990 }, audit.marked, audit.deleted] }),
  ],
  ['a claim much too late', 'I7', () => ({ latest: 0.5 })],
  ['another value', 'I9', () => ({ copies: [{ ...copy(), value: Buffer.from('x') }] })],
  [
    'one of our headers twice',
    'I9',
    () => ({ copies: [{ ...copy(), headers: [...copy().headers, ['x-ker-sum', Buffer.from('2')]] }] }),
  ],
  ['a password in a log', 'I13', () => ({ outputs: [{ name: 'a', output: `login ${PASSWORD_CANARY}` }] })],
]

for (const [what, invariant, change] of wrongs) {
  test(`${invariant}: ${what} is seen`, (t) => {
    const facts = good()
    const found = check({ ...facts, ...change(facts) })
    t.true(
      found.some((violation) => violation.invariant === invariant),
      JSON.stringify(found),
    )
  })
}

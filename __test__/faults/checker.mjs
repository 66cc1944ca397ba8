// Compares what programs said, what the database did and what is in the topic. Each function is one promise; it returns
// what is wrong, as { invariant, id, text }. None of them trusts the code under test.
import { attempts, leases, punctual } from './audit-check.mjs'
import { fidelity } from './copy-check.mjs'
import { PASSWORD_CANARY, PAYLOAD_CANARY } from './payload.mjs'

/**
 * Facts of a trial: `history`, `copies`, `entries` (the table at the end), `audit`, `outputs` of the programs, `topic`,
 * and what was done to it: `kills`, `isFaulty`, `retryCount` (N), `latest` (how late a claim may be); `afterwards` checks
 * what one case promises beside.
 */
export function check(facts) {
  const calls = callsOf(facts.history)
  return [
    ...nothingLost({ ...facts, calls }),
    ...honest({ ...facts, calls }),
    ...boundedDuplicates(facts),
    ...leases({ ...facts, calls }),
    ...attempts(facts),
    ...punctual(facts),
    ...fidelity(facts),
    ...secrets(facts),
    ...(facts.afterwards?.({ ...facts, calls }) ?? []),
  ]
}

/** Joins the beginning and the end of each call. Without an answer it may have had its effect, at any time. */
export function callsOf(history) {
  const calls = new Map()
  for (const line of history) {
    if (line.call === undefined) continue
    const key = `${line.p} ${line.call}`
    if (line.type === 'invoke') calls.set(key, { ...line, type: 'none', began: line.t, ended: Infinity })
    else
      calls.set(key, { ...calls.get(key), ...line, ended: line.type === 'info' ? Infinity : line.t, answered: line.t })
  }
  return [...calls.values()]
}

const mayHaveWorked = ({ type }) => type === 'ok' || type === 'info' || type === 'none'
const wrong = (invariant, id, text) => ({ invariant, id, text })

function byId(list, key = 'id') {
  const map = new Map()
  for (const one of list) {
    if (!map.has(one[key])) map.set(one[key], [])
    map.get(one[key]).push(one)
  }
  return map
}

/** I1: what was stored is there, unless a success may have come after it; what was forgotten does not come back. */
function nothingLost({ calls, entries }) {
  const found = []
  const there = new Set(entries.map(({ dataId }) => dataId))
  for (const [id, ofId] of byId(calls.filter(({ id }) => id !== undefined))) {
    const pushes = ofId.filter(({ op }) => op === 'push')
    const successes = ofId.filter(({ op }) => op === 'success').filter(mayHaveWorked)
    const deleting = successes.filter(({ type, deleted }) => type !== 'ok' || deleted > 0)
    const last = Math.max(...pushes.filter(({ type }) => type === 'ok').map(({ began }) => began))
    if (last > -Infinity && !there.has(id) && !deleting.some(({ ended }) => ended >= last)) {
      found.push(wrong('I1', id, 'was stored, and is gone although no success was reported since'))
    }
    const done = successes.filter(({ type, deleted }) => type === 'ok' && deleted > 0)
    const since = ({ began }) => pushes.filter(mayHaveWorked).every(({ ended }) => ended < began)
    if (there.has(id) && done.some(since))
      found.push(wrong('I1', id, 'was forgotten after its last failure, and is there again'))
  }
  return found
}

/** I2: what was refused as not done has left nothing behind; every call was answered, if its process could. */
function honest({ calls, entries, copies, audit, history }) {
  const found = []
  const known = new Set([...entries, ...audit].map(({ dataId }) => dataId))
  const sent = new Set(copies.map(({ id }) => id))
  for (const [id, pushes] of byId(calls.filter(({ op, id }) => op === 'push' && id !== undefined))) {
    if (pushes.some(({ type }) => type !== 'fail')) continue
    if (known.has(id) || sent.has(id))
      found.push(wrong('I2', id, 'was refused as not done, and was stored all the same'))
  }
  const closed = new Set(history.filter(({ op, type }) => op === 'close' && type === 'ok').map(({ p }) => p))
  for (const { p, type, op, id } of calls) {
    if (type === 'none' && closed.has(p)) found.push(wrong('I2', id, `${op} in ${p} never had an answer`))
  }
  return found
}

/** I3: at most one copy more of an attempt for each kill and each lease that expired; none without faults. */
function boundedDuplicates({ copies, audit, kills, isFaulty }) {
  const found = []
  const expired = new Map()
  for (const { dataId, oldState, newState, token, oldToken } of audit) {
    const isTaken = oldState === 'leased' && newState === 'leased' && token !== oldToken
    if (isTaken) expired.set(dataId, (expired.get(dataId) ?? 0) + 1)
  }
  const attempts = byId(
    copies.map((copy) => ({ ...copy, attempt: `${copy.life} ${copy.attempt}` })),
    'attempt',
  )
  for (const [, same] of attempts) {
    const { id } = same[0]
    const allowed = isFaulty ? kills + (expired.get(id) ?? 0) : 0
    if (same.length - 1 > allowed) {
      found.push(wrong('I3', id, `${same.length} copies of one attempt, and only ${allowed} more are excused`))
    }
  }
  return found
}

/** I13: no password and no payload in anything that was printed, thrown, logged or inspected. */
function secrets({ history, outputs }) {
  const places = [
    ...outputs.map(({ name, output }) => [name, output]),
    ...history.map((line) => [line.p, `${line.text ?? ''}${line.message ?? ''}`]),
  ]
  return places
    .filter(([, text]) => text.includes(PASSWORD_CANARY) || text.includes(PAYLOAD_CANARY))
    .map(([name, text]) => wrong('I13', name, `a secret was shown: ${text.slice(0, 300)}`))
}

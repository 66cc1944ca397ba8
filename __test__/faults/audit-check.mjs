// What the database's own record of changes says about owners, counts and times.
const wrong = (invariant, { dataId, seq }, text) => ({ invariant, id: dataId, text: `${text} (audit ${seq})` })
/** The audit reads the clock some moments after the statement did; a clock in milliseconds is cut off, or rounded. */
const SLACK_MS = 2
const FAILURE_ID = 32 // hexadecimal digits

const pieces = (text) => text.match(new RegExp(`.{${FAILURE_ID}}`, 'g')) ?? []
const isDeleting = ({ op, type, deleted }) => op === 'success' && (type === 'ok' ? deleted > 0 : type !== 'fail')

/** How many failures a change brought: each leaves its id among those that the entry remembers. */
export function reported({ oldRecent, recent }) {
  const before = new Set(pieces(oldRecent))
  return pieces(recent).filter((piece) => !before.has(piece)).length
}

function* entriesOf(audit) {
  const entries = new Map()
  for (const row of audit) {
    if (!entries.has(row.entry)) entries.set(row.entry, [])
    entries.get(row.entry).push(row)
  }
  yield* entries.values()
}

/** I4: at most one owner, and nobody but the owner writes what became of a lease. */
export function leases({ audit, copies, calls }) {
  const found = []
  const places = new Map(copies.map((copy) => [`${copy.partition}:${copy.offset}`, copy]))
  for (const rows of entriesOf(audit)) {
    let owner
    for (const row of rows) {
      if (row.op !== 'U') continue
      if (row.newState === 'leased' && row.token !== row.oldToken) {
        if (row.oldState === 'leased' && row.clock + SLACK_MS < row.oldDue) {
          found.push(wrong('I4', row, `was taken over ${row.oldDue - row.clock} ms before its lease ended`))
        }
        owner = row.who
        continue
      }
      if (reported(row) > 0 || changesNothing(row)) continue
      found.push(...byStranger(row, owner), ...impossible(row), ...foreignCopy(row, places))
    }
  }
  return [...found, ...deletes({ audit, calls })]
}

/** MariaDB tells of a row that an insert found in its way, too. */
function changesNothing(row) {
  const pairs = [
    [row.oldState, row.newState],
    [row.oldToken, row.token],
    [row.oldDue, row.due],
    [row.oldAttempt, row.attempt],
    [row.oldGeneration, row.generation],
  ]
  return pairs.every(([before, after]) => before === after)
}

/** Databases with accounts tell who wrote. A pushed failure may come from anybody, and was set aside before. */
function byStranger(row, owner) {
  if (row.oldState !== 'leased' || row.who === '' || owner === undefined || row.who === owner) return []
  return [wrong('I4', row, `${row.who} wrote while ${owner} held the lease (${row.oldState} to ${row.newState})`)]
}

function impossible(row) {
  if (row.token !== row.oldToken) return [wrong('I4', row, `the token of the lease changed in ${row.newState}`)]
  if (row.oldState === 'leased') return []
  return [wrong('I4', row, `${row.oldState} became ${row.newState} without a lease and without a failure`)]
}

/** What stands as the delivered copy must be the copy of this generation, whoever wrote it. */
function foreignCopy(row, places) {
  if (row.newState !== 'awaiting') return []
  const copy = places.get(`${row.copyPartition}:${row.copyOffset}`)
  if (copy && copy.life === row.life && copy.generation === row.generation) return []
  const text = copy ? `of generation ${copy.generation}` : 'that is not in the topic'
  return [wrong('I4', row, `generation ${row.generation} was marked delivered by a copy ${text}`)]
}

/** G5 and G11: an entry leaves by a success of its life without a newer failure, or by one by id. */
function deletes({ audit, calls }) {
  const found = []
  const successes = calls.filter(isDeleting)
  for (const row of audit.filter(({ op }) => op === 'D')) {
    const fits = ({ id, life, generation }) =>
      id === row.dataId && (!life || (life === row.life && generation >= row.failedGeneration))
    if (successes.some(fits)) continue
    found.push(
      wrong(
        'I4',
        row,
        `was deleted in ${row.oldState} at failure ${row.failedGeneration}, and no success asked for that`,
      ),
    )
  }
  return found
}

/** I6: attempts go up one by one for each counted failure, never down, and end at N + 1. */
export function attempts({ audit, retryCount }) {
  const found = []
  for (const row of audit) {
    if (row.op === 'D') continue
    const pushed = reported({ ...row, oldRecent: row.oldRecent ?? '' })
    const step = row.attempt - (row.oldAttempt ?? 0)
    const isPush = row.op === 'I' || pushed > 0
    if (isPush ? step !== pushed : step !== 0 && step !== 1) {
      found.push(
        wrong(
          'I6',
          row,
          `${pushed} failures were reported, and the count went from ${row.oldAttempt ?? 0} to ${row.attempt}`,
        ),
      )
    }
    if (row.newState !== 'dead' && row.attempt > retryCount) {
      found.push(
        wrong('I6', row, `${row.attempt} attempts were counted and it is not dead; the policy allows ${retryCount}`),
      )
    }
    if (row.newState === 'dead' && row.oldState !== 'dead' && row.attempt <= retryCount) {
      found.push(wrong('I6', row, `dead after ${row.attempt} attempts, and the policy allows ${retryCount}`))
    }
  }
  return found
}

/** I7: nothing is claimed before it is due by the clock of the database; with `latest`, not later than that either. */
export function punctual({ audit, latest = Infinity }) {
  const found = []
  for (const row of audit) {
    if (row.newState !== 'leased' || row.token === row.oldToken) continue
    const late = row.clock - row.oldDue
    if (late < -SLACK_MS && row.oldState !== 'leased')
      found.push(wrong('I7', row, `claimed ${-late} ms before it was due`))
    if (late > latest) found.push(wrong('I7', row, `claimed ${late} ms after it was due`))
  }
  return found
}

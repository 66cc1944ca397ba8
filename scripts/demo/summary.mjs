// The table at the end, and whether every number in it is right.
import process from 'node:process'

const RETRIES = 3

/** What must have happened to an order that fails so often. */
function expected(failures) {
  const isPoison = failures === Infinity
  const stored = isPoison ? RETRIES + 1 : failures
  const redelivered = isPoison ? RETRIES : failures
  return {
    handled: stored + (isPoison ? 0 : 1),
    stored,
    redelivered,
    resolved: !isPoison && failures > 0 ? 1 : 0,
    dead: isPoison ? 1 : 0,
  }
}

/** Prints the table; `true` if it adds up and exactly the dead order is left in the store. */
export function summarize(orders, tally, left) {
  const columns = ['handled', 'stored', 'redelivered', 'resolved', 'dead']
  const total = Object.fromEntries(columns.map((column) => [column, 0]))
  let isRight = true
  const print = (name, cells, verdict) =>
    process.stdout.write(
      `${name.padEnd(10)} ${columns.map((column) => String(cells[column]).padStart(13)).join('')}  ${verdict}\n`,
    )
  process.stdout.write('\n')
  print('', Object.fromEntries(columns.map((column) => [column, column])), '')
  for (const { id, failures } of orders) {
    const found = tally.of(id)
    const wanted = expected(failures)
    const isFine = columns.every((column) => found[column] === wanted[column]) && found.gaps.every((gap) => gap >= -5)
    isRight &&= isFine
    for (const column of columns) total[column] += found[column]
    print(id, found, isFine ? 'ok' : `WRONG, expected ${JSON.stringify(wanted)}`)
  }
  const isLeft = left.length === 1 && left[0].dataId === 'order-12' && left[0].state === 'dead'
  print('total', total, isLeft ? 'one dead entry is left' : `WRONG: ${left.length} entries are left`)
  return isRight && isLeft
}

// How a process ends, with a handler in any state and servers that answer, are gone, or are silent: with the code that
// it would have ended with, by no signal of ours, and soon. Some cells of the matrix; `npm run soak` runs all of them.
import test from 'ava'

import { KafkaErrorHandler } from '../index.js'
import { backend } from './suites/bench.js'
import { conditions, exists, states, Surroundings, ways, type Cell, type State } from './suites/exit-matrix.js'
import { rounds } from './suites/rounds.js'

const servers = (['mysql', 'postgres'] as const).map((name) => backend(name)).filter((store) => store !== undefined)
const urls = servers.length === 0 ? [undefined] : servers.map(({ db }) => String(db))
const atOnce = 4

/** In the long run all cells, again and again. */
function everyCellOf(state: State): Cell[] {
  const cells = ways.flatMap((way) =>
    conditions.flatMap((database) => conditions.map((brokers) => ({ state, way, database, brokers }))),
  )
  const existing = cells.filter((cell) => exists(cell, urls[0] !== undefined))
  return Array.from({ length: rounds(0, 200) }, () => existing).flat()
}

/** One cell of each way; which servers are away goes round, so that every pair of conditions has its turn. */
function cellsOf(state: State): Cell[] {
  const pairs = conditions.flatMap((database) => conditions.map((brokers) => ({ database, brokers })))
  return ways
    .map((way, n) => {
      const turn = states.indexOf(state) * 2 + n
      const pair = Array.from({ length: pairs.length }, (_, step) => pairs[(turn + step) % pairs.length])
      return pair.map((one) => ({ state, way, ...one }) as Cell).find((cell) => exists(cell, urls[0] !== undefined))
    })
    .filter((cell) => cell !== undefined)
}

test.serial.before(async () => {
  for (const db of urls) {
    if (db === undefined) continue
    const handler = new KafkaErrorHandler({ db, kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, logger: false })
    await handler.initialize()
    await handler.close()
  }
})

for (const state of states) {
  test.serial(
    `a process whose handler is ${state} ends as it should, whatever ends it and whoever is away`,
    async (t) => {
      const surroundings = await Promise.all(urls.map((url) => Surroundings.open(url)))
      t.teardown(() => surroundings.forEach((one) => one.close()))
      const cells = (rounds(0, 1) > 0 ? everyCellOf(state) : cellsOf(state)).entries()
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (const [n, cell] of cells) {
            const wrong = await surroundings[n % surroundings.length]?.run(cell)
            t.is(wrong, undefined, JSON.stringify(cell))
          }
        }),
      )
    },
  )
}

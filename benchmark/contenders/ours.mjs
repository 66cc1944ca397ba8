// This package, as it is built in this working tree.
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { closedLoop, failure, paced } from '../measure/load.mjs'
import { usage } from '../measure/usage.mjs'

const { KafkaErrorHandler } = createRequire(import.meta.url)('../../index.js')

/** @param settings `db` and `brokers`; `options` are further options of the handler. */
export async function open({ db, brokers, options = {} }) {
  const make = () =>
    new KafkaErrorHandler({ db, kafka: { brokers, partitions: 8, replicas: 1 }, logger: false, ...options })
  let handler = make()
  await handler.initialize()
  const contender = {
    push: ({ callers, seconds, count }) =>
      closedLoop({ call: () => handler.pushError(failure()), callers, seconds, count }),
    /** Arrays of so many failures, one call at a time. */
    pushArrays: ({ rows, seconds, count }) =>
      closedLoop({ call: () => handler.pushError(Array.from({ length: rows }, failure)), callers: 1, seconds, count }),
    /** So many failures at a steady pace; resolves with id and due time of each. */
    pushPaced: ({ callers, count, perSecond }) =>
      paced({
        call: async () => {
          const failed = failure()
          const { dueAt } = await handler.pushError(failed)
          return [failed.dataId, dueAt.getTime()]
        },
        callers,
        count,
        perSecond,
      }),
    sweep: async () => {
      const begin = performance.now()
      const report = await handler.sweep()
      return { ...report, seconds: (performance.now() - begin) / 1_000 }
    },
    /** A sweep with a listener to each of its events. */
    sweepHeard: async () => {
      let heard = 0
      handler.on('redelivered', () => heard++)
      const report = await contender.sweep()
      return { ...report, heard }
    },
    /** How long the event loop was held at worst during another of these. */
    watchLoop: async ({ during, argument }) => {
      const loop = monitorEventLoopDelay({ resolution: 1 })
      loop.enable()
      const answer = await contender[during](argument)
      loop.disable()
      return { ...answer, loopMaxMs: loop.max / 1e6 }
    },
    call: ({ method, argument }) => handler[method](argument),
    /** How many entries match. */
    count: (filter) => handler.entries.count(filter),
    run: () => handler.runRetryTask(),
    ...usage,
    /** An empty SQLite file with so many rows in it; servers are filled by SQL. */
    refill: async ({ file, rows }) => {
      await handler.close()
      for (const ending of ['', '-wal', '-shm']) rmSync(file + ending, { force: true })
      handler = make()
      await handler.initialize()
      for (let left = rows; left > 0; left -= 5_000) {
        await handler.pushError(Array.from({ length: Math.min(left, 5_000) }, failure))
      }
    },
    close: () => handler.close(),
  }
  return contender
}

// G7: one record per attempt, with bounded extras. G12: one entry per identity. G13: only the database's clock counts.
import { kafkaProduce } from '../wire.mjs'
import { pushed, quick, servers } from './words.mjs'

const DAY_MS = 86_400_000

export const g7 = [
  {
    id: 'T7.1',
    guarantee: 'G7',
    title: 'four processes, no fault: every attempt of every entry is one record, however many processes there are',
    trials: { short: 0, long: 10 },
    parallel: 1,
    async run(trial) {
      trial.facts.isFaulty = false
      const count = 1_000
      const config = { sweeps: true, failsUntil: 3 }
      const programs = await Promise.all(Array.from({ length: 4 }, () => trial.service(config)))
      trial.consume(programs[0])
      const ids = trial.ids(count)
      for (const [n, program] of programs.entries()) {
        program.order({ order: 'pushEach', ids: ids.filter((_, index) => index % programs.length === n) })
      }
      await Promise.all(programs.slice(1).map((program) => program.count(pushed, count / programs.length)))
      await trial.drain(programs[0])
      await trial.broker.reader.caughtUp()
      trial.expect('G7', trial.copies.length === 2 * count, `${trial.copies.length} records for ${2 * count} attempts`)
    },
  },
  {
    id: 'T7.2',
    guarantee: 'G7',
    title: 'the answer to a produce request is lost with its connection: the copies are in the topic once',
    trials: { short: 0, long: 50 },
    parallel: 1,
    async run(trial) {
      trial.facts.isFaulty = false
      const service = await trial.service()
      const isLost = trial.broker.proxy.dropReply(kafkaProduce)
      await trial.deliverAtOnce(service, trial.ids(trial.random.between(1, 5)))
      await isLost
      await trial.drain(service)
    },
  },
  {
    id: 'T7.4',
    guarantee: 'G7',
    title:
      'closed while the answers of the broker are missing: the deliveries are unknown, and each is a counted attempt',
    trials: { short: 2, long: 50 },
    parallel: 1,
    async run(trial) {
      const id = trial.id('unanswered')
      const options = { ...quick, closeTimeout: 3_000 }
      const first = await trial.service({ options }, { fault: `publish.before[${id}]=sleep:3000` })
      // One that goes well, because a producer has to introduce itself before it can send anything.
      await trial.deliverAtOnce(first, trial.ids(1))
      await trial.copy()
      first.order({ order: 'pushEach', ids: [id] })
      await trial.entries((entries) => entries.some(({ dataId, state }) => dataId === id && state === 'leased'))
      trial.broker.proxy.blackhole('down') // requests arrive, answers do not
      await trial.copy((copy) => copy.id === id)
      await first.close()
      trial.broker.proxy.pass()
      await trial.drain(await trial.service({ sweeps: true, options: quick }))
      trial.facts.afterwards = ({ audit }) =>
        audit.some((row) => row.dataId === id && isUnknown(row))
          ? []
          : [{ invariant: 'G7', id, text: 'a delivery without an answer was not counted as unknown' }]
    },
  },
  {
    id: 'T12.1',
    guarantee: 'G12',
    title: 'five processes push the same ids at once: one entry each, and every failure counted',
    trials: { short: 0, long: 20 },
    parallel: 1,
    async run(trial) {
      const [processes, tasks] = [5, 10]
      trial.facts.retryCount = 1_000
      const config = { options: { policy: { retryCount: 1_000 }, pushTimeout: 30_000 } }
      const programs = await Promise.all(Array.from({ length: processes }, () => trial.service(config)))
      const ids = trial.ids(50)
      const all = Array.from({ length: tasks }, () => ids).flat()
      for (const program of programs) program.order({ order: 'pushEach', ids: all })
      await Promise.all(programs.map((program) => program.count(pushed, all.length)))
      const entries = await trial.entries()
      trial.expect('G12', entries.length === ids.length, `${entries.length} entries for ${ids.length} ids`)
      const wrong = entries.filter(({ retryCount }) => retryCount !== processes * tasks)
      trial.expect('G12', wrong.length === 0, `counted ${wrong.map(({ retryCount }) => retryCount).join(' ')}`)
    },
  },
  {
    id: 'T13.1',
    guarantee: 'G13',
    title: 'three processes whose clocks differ by two days: nobody is early and no lease is taken too soon',
    stores: servers,
    needs: ['a wrong clock'],
    trials: { short: 0, long: 30 },
    parallel: 3,
    async run(trial) {
      const policy = { retryCount: 20, backoff: false, maxDelay: 1_000 }
      const config = { sweeps: true, failsUntil: 3, options: { ...quick, policy } }
      const clocks = [-DAY_MS, 0, DAY_MS].map((offset) => trial.wrongClock(offset))
      const programs = await Promise.all(clocks.map((env) => trial.service(config, { env })))
      trial.facts.isFaulty = false
      trial.facts.latest = 10_000
      trial.consume(programs[1])
      for (const [n, program] of programs.entries()) program.order({ order: 'pushEach', ids: trial.ids(10, `p${n}-`) })
      await Promise.all(programs.map((program) => program.count(pushed, 10)))
      await trial.drain(programs[1])
    },
  },
]

function isUnknown({ reason, attempt, oldAttempt }) {
  return reason === 'unknown-delivery' && attempt === oldAttempt + 1
}

// G5: an entry leaves only by a success. G6: what a dead process held is taken over. G9: crashes count.
import { pushed, quick, someLeased } from './words.mjs'

/** Where a process dies, and how often the point is passed before. */
const POINTS = {
  'claim.before': [1, 3],
  'claim.after_commit': [1, 2],
  'publish.before': [1, 5],
  'publish.after_enqueue': [1, 2],
  'publish.after_ack_before_mark': [1, 2],
  'mark.after_commit': [1, 2],
  'success.before_delete': [1, 1],
  'success.after_delete_before_commit': [1, 1],
}

export const g5 = [
  {
    id: 'T5.1',
    guarantee: 'G5',
    title: 'the process is killed at each step of claim, publish, mark and success; another one takes over',
    trials: { short: 20, long: 300 },
    parallel: 10,
    async run(trial) {
      const { random } = trial
      const point = Object.keys(POINTS)[trial.seed % Object.keys(POINTS).length]
      const fault = `${point}=kill@${random.between(...POINTS[point])}`
      const config = { sweeps: true, failsUntil: 3, options: quick }
      const first = await trial.service(config, { fault })
      trial.consume(first)
      first.order({ order: 'pushEach', ids: trial.ids(5) })
      await trial.died(first)
      await trial.drain(await trial.service(config))
    },
  },
  {
    id: 'T6.1',
    guarantee: 'G6',
    title: 'of two processes one is killed while it holds leases; the other takes over in time',
    trials: { short: 0, long: 100 },
    parallel: 6,
    async run(trial) {
      trial.facts.latest = 10_000
      const point = trial.random.pick(['claim.after_commit', 'publish.after_enqueue', 'publish.after_ack_before_mark'])
      const holder = await trial.service({ options: quick }, { fault: `${point}=sleep:60000` })
      await trial.deliverAtOnce(holder, trial.ids(5))
      await trial.entries(someLeased)
      const other = await trial.service({ sweeps: true, options: quick })
      trial.consume(other)
      await trial.pause(trial.random.between(0, 4_000)) // it renews its leases meanwhile
      await trial.kill(holder)
      await trial.drain(other)
    },
  },
  {
    id: 'T9.1',
    guarantee: 'G9',
    title: 'an entry whose publish kills the process is dead after exactly N redeliveries; all others are done',
    trials: { short: 0, long: 30 },
    parallel: 6,
    async run(trial) {
      const allowed = trial.random.between(1, 2)
      trial.facts.retryCount = allowed
      const poison = trial.id('poison')
      const config = {
        sweeps: true,
        options: { ...quick, policy: { retryCount: allowed, backoff: false, maxDelay: 20 } },
      }
      let deaths = 0
      for (let program; !(await isOver()); deaths++) {
        trial.expect('G9', deaths <= 2 * allowed + 2, `still not dead after ${deaths} crashes`)
        if (deaths > 2 * allowed + 2) return
        program = await trial.service(config, { fault: `publish.before[${poison}]=kill` })
        trial.consume(program)
        if (deaths === 0) program.order({ order: 'pushEach', ids: [...trial.ids(5), poison] })
        await Promise.race([trial.died(program, 60_000), over(program)])
      }
      const entries = await trial.entries((entries) => entries.length === 1)
      trial.expect(
        'G9',
        entries[0].dataId === poison && entries[0].retryCount === allowed + 1,
        'dead too early or too late',
      )

      async function isOver() {
        const entries = await trial.entries()
        return deaths > 0 && entries.every(({ dataId, state }) => dataId === poison && state === 'dead')
      }
      async function over(program) {
        while (!program.end && !(await isOver())) await trial.pause(300)
      }
    },
  },
  {
    id: 'T9.3',
    guarantee: 'G9',
    title: 'brokers away, then the database: nobody dies of it, at most one attempt per outage is spent',
    trials: { short: 0, long: 10 },
    parallel: 1,
    async run(trial) {
      trial.facts.retryCount = 3
      const policy = { retryCount: 3, backoff: false, maxDelay: 1_000 }
      const config = { sweeps: true, failsUntil: 3, options: { ...quick, policy, outcomeTimeout: 5_000 } }
      const proxied = trial.store.isServer
      const programs = [await trial.service(config, { proxied }), await trial.service(config, { proxied })]
      trial.consume(programs[0])
      programs[1].order({ order: 'pushEach', ids: trial.ids(20) })
      await programs[1].count(pushed, 20)
      await outage([trial.broker.proxy])
      if (proxied) await outage(programs.map(({ proxy }) => proxy))
      await trial.drain(programs[0])
      trial.facts.afterwards = ({ audit }) => spent(audit, proxied ? 2 : 1)

      async function outage(proxies) {
        const kind = trial.random.pick(['refuse', 'blackhole'])
        for (const proxy of proxies) proxy[kind]()
        await trial.pause(trial.random.between(6_000, 12_000))
        for (const proxy of proxies) proxy.pass()
      }
    },
  },
]

/** Attempts that nobody reported: lost to outages. */
function spent(audit, most) {
  const lost = new Map()
  for (const { dataId, op, attempt, oldAttempt, reason } of audit) {
    if (op === 'U' && reason !== 'failed' && attempt > oldAttempt) lost.set(dataId, (lost.get(dataId) ?? 0) + 1)
  }
  const over = [...lost].filter(([, count]) => count > most)
  const died = audit.filter(({ newState }) => newState === 'dead')
  return [
    ...over.map(([id, count]) => ({ invariant: 'G9', id, text: `${count} attempts were lost to outages` })),
    ...died.map(({ dataId: id }) => ({ invariant: 'G9', id, text: 'died of an outage' })),
  ]
}

// G8: at most one owner; whoever lost the lease changes nothing. G11: a success deletes its own entry only.
import { pushed, quick, someLeased } from './words.mjs'

export const g8 = [
  {
    id: 'T8.1',
    guarantee: 'G8',
    title:
      'three processes, frozen at random for longer than a lease, cut off from the database, or on a slow line to it',
    trials: { short: 20, long: 300 },
    parallel: 8,
    async run(trial) {
      const { random, store } = trial
      const config = { sweeps: true, failsUntil: 3, options: quick }
      const proxied = store.isServer
      const programs = [await trial.service(config, { proxied }), await trial.service(config, { proxied })]
      programs.push(await trial.service(config, { proxied }))
      trial.consume(programs[0])
      programs[0].order({ order: 'pushEach', ids: trial.ids(40) })
      for (let round = random.between(1, 2); round > 0; round--) {
        const victim = random.pick(programs)
        await trial.pause(random.between(0, 150))
        const fault = random.pick(proxied ? ['freeze', 'freeze', 'blackhole', 'delay'] : ['freeze'])
        if (fault === 'freeze') trial.freeze(victim)
        else victim.proxy[fault](...(fault === 'delay' ? [150, 140, random.next] : []))
        await trial.pause(random.pick([random.between(300, 1_500), random.between(3_500, 6_000)]))
        trial.thaw(victim)
        victim.proxy?.pass()
      }
      await trial.drain(programs[0])
    },
  },
  {
    id: 'T8.2',
    guarantee: 'G8',
    title: 'an owner sleeps between publish and mark until another one holds the lease: its mark changes nothing',
    trials: { short: 20, long: 300 },
    parallel: 10,
    async run(trial) {
      const sleeps = 'publish.after_ack_before_mark=sleep:1500@1'
      const owner = await trial.service({ options: quick }, { fault: sleeps })
      await trial.deliverAtOnce(owner, trial.ids(trial.random.between(1, 3)))
      await trial.copy()
      trial.freeze(owner)
      const other = await trial.service({ sweeps: true, options: quick }, { fault: 'publish.before=sleep:3000' })
      await trial.entries((entries) => entries.some(({ state, generation }) => state === 'leased' && generation > 1))
      trial.thaw(owner)
      await trial.pause(2_500) // long enough for the owner to wake up and try
      await trial.drain(other)
    },
  },
  {
    id: 'T8.4',
    guarantee: 'G8',
    title: 'the event loop is blocked for longer than a lease: the leases are renewed all the same',
    trials: { short: 0, long: 30 },
    parallel: 6,
    async run(trial) {
      trial.facts.isFaulty = false
      const blocked = await trial.service({ options: quick }, { fault: 'publish.before=sleep:6000@1' })
      await trial.deliverAtOnce(blocked, trial.ids(3))
      await trial.entries(someLeased)
      blocked.order({ order: 'block', milliseconds: 5_000 })
      const other = await trial.service({ sweeps: true, options: quick })
      await trial.drain(other)
    },
  },
  {
    id: 'T11.1',
    guarantee: 'G11',
    title: 'four processes report failures and successes of older and newer copies of the same ids at once',
    trials: { short: 20, long: 100 },
    parallel: 4,
    async run(trial) {
      trial.facts.retryCount = 1_000
      const programs = await Promise.all([0, 1, 2, 3].map((n) => trial.service({ sweeps: n === 0 })))
      race(trial, programs)
      programs[1].order({ order: 'pushEach', ids: trial.ids(6) })
      await trial.pause(3_000)
      trial.onCopy = undefined
      await trial.pause(300)
      await Promise.all(programs.map((program) => program.close()))
      trial.facts.afterwards = counted
    },
  },
  {
    id: 'T11.2',
    guarantee: 'G11',
    title: 'the success comes before the delivery is marked: the entry is gone and stays gone',
    trials: { short: 20, long: 100 },
    parallel: 8,
    async run(trial) {
      const sender = await trial.service({ sweeps: true }, { fault: 'publish.after_ack_before_mark=sleep:1000@1' })
      const consumer = await trial.service()
      trial.consume(consumer)
      sender.order({ order: 'pushEach', ids: trial.ids(5) })
      await sender.count(pushed, 5)
      await trial.entries((entries) => entries.length === 0)
      await trial.pause(1_500) // the late mark
      await sender.close()
    },
  },
]

/** Each copy is answered by one or two processes at once, sometimes with an older copy of the same id. */
function race(trial, programs) {
  const { random } = trial
  const seen = new Map()
  trial.onCopy = (record) => {
    const known = seen.get(record.id) ?? []
    seen.set(record.id, [...known, record])
    for (let n = random.between(1, 2); n > 0; n--) {
      const which = known.length > 0 && random.chance(0.3) ? random.pick(known) : record
      trial.hand(random.pick(programs), which, random.chance(0.4) ? 'success' : 'push')
    }
    // An id that was forgotten begins a new life.
    if (random.chance(0.3)) programs[random.between(0, 3)].order({ order: 'push', id: record.id })
  }
}

/** As many deletions as there were successes that say so, or may have. */
function counted({ audit, calls }) {
  const found = []
  for (const id of new Set(audit.map(({ dataId }) => dataId))) {
    const gone = audit.filter(({ op, dataId }) => op === 'D' && dataId === id).length
    const successes = calls.filter((call) => call.op === 'success' && call.id === id)
    const sure = successes.filter(({ type, deleted }) => type === 'ok' && deleted > 0).length
    const maybe = successes.filter(({ type }) => type === 'info' || type === 'none').length
    if (gone < sure || gone > sure + maybe) {
      found.push({ invariant: 'G11', id, text: `${gone} deletions for ${sure} (and perhaps ${maybe}) successes` })
    }
  }
  return found
}

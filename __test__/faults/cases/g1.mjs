// G1: once pushError() has resolved, the failure survives.
import { pushed, servers } from './words.mjs'

const POINTS = ['push.before_insert', 'push.after_insert_before_commit', 'push.after_commit']

export const g1 = [
  {
    id: 'T1.1',
    guarantee: 'G1',
    title: 'the process is killed while four workers push: at random, before, within and after a commit',
    trials: { short: 20, long: 300 },
    parallel: 2,
    async run(trial) {
      const { random } = trial
      const way = random.pick(['at random', 'in a slow commit', ...POINTS])
      const fault = {
        'at random': undefined,
        'in a slow commit': `push.after_insert_before_commit=sleep:${random.between(20, 60)}`,
      }
      const program = await trial.start(
        'pusher.mjs',
        { prefix: trial.id('p'), workers: 4, most: 50 },
        { fault: way in fault ? fault[way] : `${way}=kill@${random.between(1, 30)}` },
      )
      if (way in fault) {
        await program.count(pushed, random.between(1, 30))
        await trial.pause(random.between(0, 30))
        await trial.kill(program)
      } else {
        await trial.died(program)
      }
      await trial.drain(await trial.service({ sweeps: true }))
    },
  },
  {
    id: 'T1.2',
    guarantee: 'G1',
    title: 'the database server is killed while four workers push, and comes back',
    stores: servers,
    trials: { short: 20, long: 300 },
    parallel: 1,
    async run(trial) {
      const { random, store } = trial
      const program = await trial.start('pusher.mjs', { prefix: trial.id('p'), workers: 4 })
      await program.count(pushed, random.between(1, 60))
      await store.server.kill('SIGKILL')
      await trial.pause(random.between(0, 200))
      await store.server.restart()
      const before = program.lines.filter(pushed).length
      await program.count(pushed, before + 10)
      await trial.kill(program)
      await trial.drain(await trial.service({ sweeps: true }))
    },
  },
  {
    id: 'T1.3',
    guarantee: 'G1',
    title: 'every acknowledged commit was synced to the disk first (counted by strace)',
    stores: ['sqlite'],
    needs: ['strace'],
    trials: { short: 0, long: 20 },
    parallel: 1,
    async run(trial) {
      const count = trial.random.between(10, 30)
      const { wrapper, syncs } = trial.countSyncs()
      const service = await trial.service({}, { wrapper })
      const before = syncs()
      for (const id of trial.ids(count)) await service.ask({ order: 'push', id }, ({ op }) => op === 'push')
      const after = syncs()
      trial.expect('G1', after - before >= count, `${count} failures were acknowledged after ${after - before} syncs`)
    },
  },
  {
    id: 'T1.5',
    guarantee: 'G1',
    title: 'no broker answers after initialize(): failures are stored all the same',
    trials: { short: 0, long: 20 },
    parallel: 1,
    async run(trial) {
      const service = await trial.service({ sweeps: true })
      if (trial.random.chance(0.5)) trial.broker.proxy.refuse()
      else trial.broker.proxy.blackhole()
      const ids = trial.ids(20)
      service.order({ order: 'pushEach', ids })
      await service.count(pushed, ids.length, 20_000)
      trial.broker.proxy.pass()
      await trial.drain(service)
    },
  },
]

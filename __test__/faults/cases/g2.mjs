// G2: pushError() never lies about its outcome.
import { isPush, pushed, servers } from './words.mjs'

const PUSH_TIMEOUT = 2_000
const CUTS = 25

export const g2 = [
  {
    id: 'T2.1',
    guarantee: 'G2',
    title: 'the answer to COMMIT is lost: the call does not claim to know, and repeating it counts once',
    stores: servers,
    trials: { short: 20, long: 300 },
    parallel: 4,
    async run(trial) {
      const service = await trial.service({}, { proxied: true })
      await service.ask({ order: 'push', id: trial.id('first') }, isPush)
      const ids = trial.ids(3)
      for (const id of ids) await loseAnswer(id, trial.store.first, 1)
      for (const id of ids) await loseAnswer(id, trial.store.further, 2)
      const counts = (await trial.entries()).map(({ retryCount }) => retryCount).join(' ')
      trial.expect('G2', counts === '1 2 2 2', `the entries count ${counts}`)

      async function loseAnswer(id, request, count) {
        const isLost = service.proxy.dropReply(request)
        const answer = await service.ask({ order: 'push', id }, isPush)
        await trial.soon(isLost, 'the request that commits')
        trial.expect('G2', answer.type !== 'fail', `${id}: committed, and answered as not done`)
        const { failureId } = answer
        if (answer.type !== 'info') return
        trial.expect('G2', failureId, `${id}: an unknown outcome without a failureId`)
        const again = await service.ask({ order: 'push', id, failureId }, isPush)
        trial.expect('G2', again.retryCount === count, `${id}: repeated, and counted ${again.retryCount}`)
      }
    },
  },
  {
    id: 'T2.2',
    guarantee: 'G2',
    title: 'the connection is cut after each possible number of bytes of a push, in both directions',
    stores: servers,
    trials: { short: 0, long: 100 },
    parallel: 4,
    async run(trial) {
      const service = await trial.service({}, { proxied: true })
      const push = (id, how = {}) => service.ask({ order: 'push', id, ...how }, isPush)
      await push(trial.id('warm'))
      const start = { ...service.proxy.bytes }
      await push(trial.id('measured'))
      const spent = (direction) => service.proxy.bytes[direction] - start[direction]
      const most = { up: spent('up'), down: spent('down') }
      for (let n = 0; n < CUTS; n++) {
        const direction = trial.random.pick(['up', 'down'])
        const id = trial.id(`cut${n}`)
        void service.proxy.cutAfter(trial.random.between(1, most[direction]), direction)
        const answer = await push(id)
        service.proxy.pass()
        // With its failureId; a call that was not done needs none.
        if (answer.type !== 'ok') await push(id, { failureId: answer.failureId })
      }
      const wrong = (await trial.entries()).filter(({ retryCount }) => retryCount !== 1)
      trial.expect('G2', wrong.length === 0, `counted twice: ${wrong.map(({ dataId }) => dataId).join(' ')}`)
    },
  },
  {
    id: 'T2.3',
    guarantee: 'G2',
    title: 'the database is a black hole: calls are answered in time, and the pool works soon after',
    stores: servers,
    trials: { short: 0, long: 100 },
    parallel: 4,
    async run(trial) {
      const service = await trial.service({ options: { pushTimeout: PUSH_TIMEOUT } }, { proxied: true })
      const push = (id) => service.ask({ order: 'push', id }, isPush)
      await push(trial.id('before'))
      await trial.pause(trial.random.between(0, 300))
      service.proxy.blackhole()
      const answers = await Promise.all(trial.ids(3, 'in').map(timed))
      service.proxy.pass()
      for (const { answer, took } of answers) {
        // One second as promised, and one for a busy machine.
        trial.expect('G2', took <= PUSH_TIMEOUT + 2_000, `${answer.id}: answered after ${took} ms`)
        trial.expect('G2', answer.type !== 'ok', `${answer.id}: stored through a black hole`)
      }
      const healed = Date.now()
      while ((await push(trial.id(`after${Date.now()}`))).type !== 'ok') {
        if (Date.now() - healed > 7_000) return trial.expect('G2', false, 'the pool is not usable 7 s after it healed')
      }
      return undefined

      async function timed(id) {
        const begin = Date.now()
        service.order({ order: 'push', id })
        const answer = await service.line((line) => isPush(line) && line.id === id && line.type !== 'invoke')
        return { answer, took: Date.now() - begin }
      }
    },
  },
  {
    id: 'T2.5',
    guarantee: 'G2',
    title: 'a stranger locks one row: its failure alone waits and times out, the others are stored in call order',
    stores: servers,
    trials: { short: 0, long: 20 },
    parallel: 4,
    async run(trial) {
      const service = await trial.service({ options: { pushTimeout: 4_000 } })
      const locked = trial.id('locked')
      await service.ask({ order: 'push', id: locked }, isPush)
      const [entry] = await trial.entries()
      const lock = await trial.lock(entry.id)
      const others = trial.ids(6)
      service.order({ order: 'pushEach', ids: [...others.slice(0, 3), locked, ...others.slice(3)] })
      await service.count(pushed, 1 + others.length)
      const order = service.lines.filter((line) => pushed(line) && others.includes(line.id)).map(({ id }) => id)
      trial.expect('G2', order.join() === others.join(), `answered in the order ${order.join()}`)
      const answer = await service.line(({ id, type }) => id === locked && (type === 'fail' || type === 'info'))
      trial.expect('G2', answer.code === 'KER_TIMEOUT', `the locked one got ${answer.code}`)
      lock.end()
      const again = await service.ask({ order: 'push', id: locked, failureId: answer.failureId }, isPush)
      trial.expect('G2', again.type === 'ok' && again.retryCount === 2, `afterwards it counts ${again.retryCount}`)
    },
  },
]

// An upgrade under way: 2.1.5 and this package in one database. No figures: every step is a claim, and the run fails
// where one is not true.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { prepare } from '../databases/mariadb.mjs'
import { TOPIC, VALUE } from '../measure/load.mjs'
import { startContender } from '../measure/process.mjs'
import { openTopic } from '../measure/topic.mjs'

export const about = '2.1.5 and this package side by side while a service moves'
export const servers = () => ['kafka', 'mariadb']
export const defaults = {}

const OLD = '`kafka-error-retry`.business_errors'
const policy = { retryCount: 10, backoff: false }

export async function run(_options, { addresses, say }) {
  const topic = await openTopic(addresses.kafka)
  const server = await prepare(addresses.mariadb)
  const settings = { db: server.url, brokers: addresses.kafka, options: { policy } }
  const original = await startContender('original', settings)
  let ours
  try {
    for (const dataId of ['succeeds-there', 'fails-there', 'succeeds-here', 'fails-here']) await push(original, dataId)
    await until(async () => (await rows(server)).length === 4)
    ours = await startContender('ours', settings)
    assert.deepEqual(await rows(server, 'reachMaxRetryCount = 2'), [1, 2, 3, 4], 'every row is marked')
    assert.equal(await ours.ask('count', {}), 4)
    say('adopted at initialize(): 4 rows of a running 2.1.5')

    await call(original, 'notifySuccess', { topic: TOPIC, dataId: 'succeeds-there' })
    await push(original, 'fails-there')
    await until(
      async () => (await server.query(`SELECT retryCount AS n FROM ${OLD} WHERE dataId = 'fails-there'`))[0].n === 2,
    )
    const from = await topic.ends()
    await pause(1_500) // until the rows of 2.x, which knows whole seconds only, are due
    const report = await call(ours, 'sweep')
    assert.equal(report.resolved, 1, 'the success of 2.1.5 is seen')
    assert.equal(report.failed, 1, 'and its failure counted')
    assert.equal(report.delivered, 2)
    assert.equal(await ours.ask('count', { dataId: 'succeeds-there' }), 0)
    const { copies } = await topic.since(from)
    assert.equal(copies, 2, 'nothing goes out that 2.1.5 has answered')
    say('a success and a failure in 2.1.5 are seen before anything goes out')

    assert.deepEqual(await call(ours, 'notifySuccess', { topic: TOPIC, dataId: 'succeeds-here' }), { deleted: 1 })
    await push(ours, 'fails-here')
    assert.equal((await rows(server, "dataId = 'succeeds-here'")).length, 0, 'a success here deletes the row of 2.x')
    assert.equal((await rows(server, "dataId = 'fails-here'")).length, 1)
    say('a success here deletes the row of 2.x')

    await push(original, 'later')
    await until(async () => (await rows(server, "dataId = 'later'")).length === 1)
    assert.equal((await call(ours, 'adopt')).adopted, 1, 'what 2.1.5 stores later is adopted as well')
    say('what 2.1.5 stores later is adopted as well')

    const back = await server.query(`UPDATE ${OLD} SET reachMaxRetryCount = 0 WHERE reachMaxRetryCount = 2`)
    assert.equal(back.affectedRows, 3)
    say('the way back gives 2.1.5 its rows again')
  } finally {
    await ours?.stop()
    await original.stop()
    await server.close()
    await topic.close()
  }
}

const call = (contender, method, argument) => contender.ask('call', { method, argument })
const push = (contender, dataId) => call(contender, 'pushError', { topic: TOPIC, key: dataId, value: VALUE, dataId })

async function rows(server, where = '1 = 1') {
  return (await server.query(`SELECT id FROM ${OLD} WHERE ${where} ORDER BY id`)).map(({ id }) => Number(id))
}

// 2.1.5 resolves before its rows are written.
async function until(isSo) {
  const end = Date.now() + 10_000
  while (!(await isSo())) {
    assert.ok(Date.now() < end, '2.1.5 has not written its row after 10 s')
    await pause(20)
  }
}

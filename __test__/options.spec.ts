import test from 'ava'
import { inspect } from 'node:util'

import { ConfigError } from '../dist/errors.js'
import { prepareOptions } from '../dist/options.js'

interface Thrown {
  error: ConfigError
  problems: { path: string; expected: string; received: string }[]
}

const good = { db: { type: 'memory' }, kafka: { brokers: '127.0.0.1:9092' } }
const canary = 'hunter2-canary'

function refusal(options: unknown): Thrown {
  try {
    prepareOptions('getInstance', options)
  } catch (error) {
    if (error instanceof ConfigError) {
      return { error, problems: error.details?.['problems'] as Thrown['problems'] }
    }
    throw error
  }
  throw new Error('the options were accepted')
}

const withDb = (db: object) => ({ ...good, db: { ...good.db, ...db } })
const port = 'options.db.port must be an integer 1–65535'
const retryCount = 'options.policy.retryCount must be an integer 0–2147483647'

test('several problems are told at once', (t) => {
  const { error, problems } = refusal({ ...withDb({ port: -1 }), policy: { retryCount: 'x', backoff: 1 } })
  t.true(error.message.startsWith(`getInstance: 3 problems: ${port}; received number; ${retryCount}`), error.message)
  t.deepEqual(problems[0], { path: 'db.port', expected: 'must be an integer 1–65535', received: 'number' })
  t.deepEqual(
    problems.map(({ path }) => path),
    ['db.port', 'policy.retryCount', 'policy.backoff'],
  )
})

test('a missing db is the whole message, and the rest is in the details', (t) => {
  const { error, problems } = refusal({ polcy: 1 })
  t.is(error.message, 'db config is required.')
  t.is(error.details?.['method'], 'getInstance')
  t.deepEqual(
    problems.map(({ path }) => path),
    ['db', 'kafka', 'polcy'],
  )
})

test('no part of a refused value is shown', (t) => {
  const options = {
    db: { type: canary, username: canary, password: canary, port: canary, database: `;${canary}`, tls: canary },
    kafka: { brokers: canary, sasl: { mechanism: canary, username: canary, password: 1 }, ssl: { ca: 1 } },
    policy: canary,
    scheduleRule: 1,
  }
  const { error } = refusal(options)
  for (const shown of [error.message, error.stack ?? '', JSON.stringify(error), inspect(error, { depth: 9 })]) {
    t.false(shown.includes(canary))
  }
})

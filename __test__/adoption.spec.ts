// `adopt` through the public face. What becomes of the rows is in `tests/adoption.rs`, on a server with a table of 2.x.
import test from 'ava'

import { KafkaErrorHandler } from '../index.js'

async function ready(db = 'memory:'): Promise<KafkaErrorHandler> {
  const handler = new KafkaErrorHandler({ db, kafka: { brokers: '127.0.0.1:1' }, connectTimeout: 200, logger: false })
  await handler.initialize()
  return handler
}

test('where 2.x never ran there is nothing to adopt', async (t) => {
  await using handler = await ready()
  t.deepEqual(await handler.adopt(), { adopted: 0, refused: 0, topics: [] })
  t.deepEqual(await handler.adopt({ dryRun: true, dead: true }), { adopted: 0, refused: 0, topics: [] })
})

test('a misspelt dryRun changes nothing and is refused', async (t) => {
  await using handler = await ready()
  for (const [given, message] of [
    [{ dryrun: true }, 'adopt: options.dryrun is unknown; there are dryRun and dead; received boolean'],
    [{ dryRun: 'yes' }, 'adopt: options.dryRun must be a boolean; received string(3)'],
    [7, 'adopt: options must be an object; received number'],
  ] as const) {
    await t.throwsAsync(handler.adopt(given as never), { code: 'KER_ARGUMENT', message })
  }
})

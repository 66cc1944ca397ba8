// Only where the addon was built with its functions that panic (`npm run build:test`, as `npm test` does).
import { createRequire } from 'node:module'
import path from 'node:path'

import test from 'ava'

const require = createRequire(path.resolve('package.json'))
const native = require('./native.js') as {
  panicNow?: () => void
  panicLater?: () => Promise<void>
  errorCodes(): string[]
}

test('a panic while JavaScript waits is an exception, and the process lives on', (t) => {
  const { panicNow } = native
  if (panicNow === undefined) t.log('built without the feature testing')
  else t.throws(() => panicNow())
  t.true(native.errorCodes().includes('KER_INTERNAL'))
})

test('a panic on a thread of ours is a rejection with KER_INTERNAL, and further calls work', async (t) => {
  const { panicLater } = native
  if (panicLater === undefined) t.log('built without the feature testing')
  else for (let n = 0; n < 3; n++) await t.throwsAsync(async () => panicLater(), { code: 'KER_INTERNAL' })
  t.true(native.errorCodes().length > 0)
})

import test from 'ava'

import { errorCodes } from '../dist/errors.js'
import { nativeErrorCodes } from '../dist/native.js'

test('both halves know the same error codes', (t) => {
  t.deepEqual(nativeErrorCodes().toSorted(), errorCodes.toSorted())
})

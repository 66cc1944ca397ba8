import test from 'ava'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { loadFailure, tripleOf } from '../dist/binary'

const run = promisify(execFile)

test('71: the error names platform, package and the way out', (t) => {
  const cause = new Error('Cannot find module')
  const error = loadFailure(cause, { os: 'linux', arch: 'x64', libc: 'musl' })
  t.is(error.code, 'KER_BINARY')
  t.is(error.name, 'LoadError')
  t.is(error.cause, cause)
  t.true(error.message.startsWith('no prebuilt binary for linux-x64-musl (looked for '))
  t.true(error.message.includes('@kafka-error-retry/binding-linux-x64-musl'))
  t.true(error.message.includes('npm/cli#4828'))
  t.true(error.message.includes('NAPI_RS_NATIVE_LIBRARY_PATH'))
})

test('a triple is spelled as the prebuilt packages are', (t) => {
  t.is(tripleOf({ os: 'darwin', arch: 'arm64', libc: undefined }), 'darwin-arm64')
  t.is(tripleOf({ os: 'win32', arch: 'x64', libc: undefined }), 'win32-x64-msvc')
  t.is(tripleOf({ os: 'linux', arch: 'arm64', libc: 'gnu' }), 'linux-arm64-gnu')
})

test('71: without a binary the package still loads, getInstance throws LoadError, and bad options are told first', async (t) => {
  const program = `
    const { KafkaErrorHandler, KafkaRetryError } = require('./index.js')
    const codes = []
    for (const options of [{ db: 'memory:', kafka: { brokers: 'a:9092' } }, {}]) {
      try { KafkaErrorHandler.getInstance(options) } catch (error) { codes.push(KafkaRetryError.is(error) && error.code) }
    }
    console.log(JSON.stringify(codes))`
  const { stdout } = await run(process.execPath, ['-e', program], {
    cwd: process.cwd(),
    env: { ...process.env, NODE_OPTIONS: '', NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/at-all.node' },
  })
  t.deepEqual(JSON.parse(stdout), ['KER_BINARY', 'KER_CONFIG'])
})

test('import and require give the same classes and nothing else', async (t) => {
  const program = `
    import * as imported from 'kafka-error-retry'
    import { createRequire } from 'node:module'
    const required = createRequire(process.cwd() + '/x.js')('kafka-error-retry')
    const names = Object.keys(required)
    console.log(JSON.stringify([names.length > 0, names.every((name) => imported[name] === required[name]),
      Object.keys(imported).filter((name) => !names.includes(name))]))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
    cwd: process.cwd(),
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  t.deepEqual(JSON.parse(stdout), [true, true, []])
})

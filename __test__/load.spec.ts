import test from 'ava'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { tripleOf } from '../dist/binary'

const run = promisify(execFile)

test('a triple is spelled as the prebuilt packages are', (t) => {
  t.is(tripleOf({ os: 'darwin', arch: 'arm64', libc: undefined }), 'darwin-arm64')
  t.is(tripleOf({ os: 'win32', arch: 'x64', libc: undefined }), 'win32-x64-msvc')
  t.is(tripleOf({ os: 'linux', arch: 'arm64', libc: 'gnu' }), 'linux-arm64-gnu')
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

import test from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const before = `
  const { KafkaErrorHandler } = require('kafka-error-retry')
  const options = { db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, logger: false }`

/** Runs `program` in a process of its own; `line` is its first line of output, `end` how it ended. */
function run(program: string, ...flags: string[]) {
  const child = spawn(process.execPath, [...flags, '-e', program], {
    cwd: process.cwd(),
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>
  // A process that ends without a word has said ''.
  const line = Promise.race([
    once(child.stdout, 'data').then(([data]) => String(data).trim()),
    once(child, 'close').then(() => ''),
  ])
  return { child, end, line }
}

test('an idle handler does not keep the process alive, even unclosed', async (t) => {
  const { end } = run(`${before}
    new KafkaErrorHandler(options).initialize()`)
  t.deepEqual(await end, [0, null])
})

test('runRetryTask keeps the process alive until stopRetryTask', async (t) => {
  const { child, end, line } = run(`${before}
    const handler = new KafkaErrorHandler(options)
    handler.initialize().then(() => handler.runRetryTask()).then(() => {
      setTimeout(() => { console.log('still here'); handler.stopRetryTask() }, 200).unref()
    })`)
  t.is(await line, 'still here')
  t.deepEqual(await end, [0, null])
  t.is(child.exitCode, 0)
})

test('import and require share the one handler of the process', async (t) => {
  const { line } = run(
    `import { createRequire } from 'node:module'
     import { KafkaErrorHandler } from 'kafka-error-retry'
     const required = createRequire(process.cwd() + '/x.js')('kafka-error-retry').KafkaErrorHandler
     const options = { db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, logger: false }
     console.log(KafkaErrorHandler.getInstance(options) === required.getInstance())`,
    '--input-type=module',
  )
  t.is(await line, 'true')
})

test('with shutdownSignals a signal closes the handler and then ends the process as it would have', async (t) => {
  const { child, end, line } = run(`${before}
    const handler = new KafkaErrorHandler({ ...options, shutdownSignals: true })
    handler.initialize().then(() => handler.runRetryTask()).then(() => console.log('ready'))`)
  t.is(await line, 'ready')
  child.kill('SIGTERM')
  t.deepEqual(await end, [null, 'SIGTERM'])
})

test('with shutdownSignals an application’s own trap decides when the process ends', async (t) => {
  const { child, end, line } = run(`${before}
    const handler = new KafkaErrorHandler({ ...options, shutdownSignals: true })
    process.on('SIGTERM', () => handler.close().then(() => process.exit(3)))
    handler.initialize().then(() => handler.runRetryTask()).then(() => console.log('ready'))`)
  t.is(await line, 'ready')
  child.kill('SIGTERM')
  t.deepEqual(await end, [3, null])
})

test('an error event that nobody hears, and a listener that throws, do not end the process', async (t) => {
  const { end } = run(`${before}
    const handler = new KafkaErrorHandler(options)
    handler.on('stored', () => { throw new Error('mine') })
    handler.initialize()
      .then(() => handler.pushError({ topic: 'orders', dataId: 1, value: 'v' }))
      .then(() => handler.close())`)
  t.deepEqual(await end, [0, null])
})

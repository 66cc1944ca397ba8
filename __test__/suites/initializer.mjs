// A process of its own that initializes a handler when it is told to, stores one failure, and says how that went.
// Argument: options. It says "ready" when it is loaded and begins at the first line on its standard input.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import process from 'node:process'

const require = createRequire(import.meta.url)
const { KafkaErrorHandler } = require('../../index.js')

const handler = new KafkaErrorHandler(JSON.parse(process.argv[2]))
process.stdout.write('ready\n')
await once(process.stdin, 'data')
process.stdin.destroy()
try {
  await handler.initialize()
  const { retryCount } = await handler.pushError({ topic: 'orders', value: 'v', dataId: process.pid })
  process.stdout.write(`${JSON.stringify({ retryCount })}\n`)
} catch ({ code, message, cause }) {
  process.stdout.write(`${JSON.stringify({ code, message, cause: cause?.message })}\n`)
}
await handler.close()

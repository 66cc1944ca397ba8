// A process of its own that reports failures and successes as fast as it can, beside others on the same entries.
// Arguments: options, topic, how many rounds. Its last line is JSON with what was refused.
import { createRequire } from 'node:module'
import process from 'node:process'

const require = createRequire(import.meta.url)
const { KafkaErrorHandler } = require('../../index.js')

const [options, topic, rounds] = process.argv.slice(2)
const refused = []
const handler = new KafkaErrorHandler(JSON.parse(options))
handler.on('error', ({ code, message, cause }) => refused.push({ code, message, cause: String(cause) }))
await handler.initialize()
const own = (n) => ({ topic, dataId: `${process.pid}-${n}` })
const everybodys = (n) => ({ topic, dataId: `shared-${n % 10}` })
async function round(n) {
  try {
    await Promise.all([
      handler.pushError({ ...own(n), value: 'v' }),
      handler.pushError({ ...everybodys(n), value: 'v' }),
      handler.notifySuccess(everybodys(n + 5)),
    ])
    if (n % 2 === 0) await handler.notifySuccess(own(n))
    if (n % 50 === 0) await handler.stats()
  } catch ({ code, message, cause }) {
    refused.push({ code, message, cause: String(cause) })
  }
}
for (let n = 0; n < Number(rounds); n += 4) await Promise.all([round(n), round(n + 1), round(n + 2), round(n + 3)])
const kept = await handler.entries.count({ topic })
await handler.close()
process.stdout.write(`${JSON.stringify({ refused: refused.slice(0, 5), count: refused.length, kept })}\n`)

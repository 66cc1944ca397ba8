// A process of its own that reports failures of one id at once. Arguments: options, topic, how many.
import { createRequire } from 'node:module'
import process from 'node:process'

const require = createRequire(import.meta.url)
const { KafkaErrorHandler } = require('../../index.js')

const [options, topic, count] = process.argv.slice(2)
const handler = new KafkaErrorHandler(JSON.parse(options))
await handler.initialize()
await Promise.all(Array.from({ length: Number(count) }, () => handler.pushError({ topic, value: 'v', dataId: 'same' })))
await handler.close()

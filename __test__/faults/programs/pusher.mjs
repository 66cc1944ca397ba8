// Reports failures of ever new ids as fast as they are stored, each twice because a first failure and a further one are
// written in different ways, from so many workers at once, until it is ended.
import { messageOf } from '../payload.mjs'
import { act, config, open, tell } from './voice.mjs'

const { topic, prefix, workers, most = Infinity } = config
const handler = await open()
tell({ type: 'ready' })
await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)))
await handler.close()

async function work(worker) {
  for (let n = 0; n < most; n++) {
    const id = `${prefix}.${worker}-${n}`
    await push(id)
    await push(id)
  }
}

function push(id) {
  return act(
    { op: 'push', id },
    () => handler.pushError(messageOf(topic, id)),
    ({ retryCount, state }) => ({ retryCount, state }),
  )
}

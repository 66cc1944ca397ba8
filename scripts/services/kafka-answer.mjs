import { connect } from 'node:net'

const METADATA = 3
const VERSION = 1

/**
 * Asks for the cluster's metadata and resolves with the number of brokers that accept work. A broker opens its port,
 * and even tells its API versions, before the controller has let it in; until then the number is 0, which rejects.
 */
export function livingBrokers(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const received = []
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer within 2 s')))
    socket.once('connect', () => socket.write(metadataRequest()))
    socket.on('data', (chunk) => {
      received.push(chunk)
      const answer = Buffer.concat(received)
      if (answer.length < 12) return
      const brokers = answer.readInt32BE(8) // after the length and the correlation id
      if (brokers > 0) resolve(brokers)
      socket.destroy(brokers > 0 ? undefined : new Error('no broker is ready yet'))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed without an answer')))
  })
}

function metadataRequest() {
  const request = Buffer.alloc(18)
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(METADATA, 4)
  request.writeInt16BE(VERSION, 6)
  request.writeInt32BE(1, 8) // correlation id
  request.writeInt16BE(-1, 12) // no client id
  request.writeInt32BE(0, 14) // about no topic, only the brokers
  return request
}

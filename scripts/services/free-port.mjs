import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below every system's range for outgoing connections (Linux begins at 32768). A port of that range could be taken
// while a service is down for a restart, even by the client that is trying to reach it: a loopback connection whose
// source port happens to be its target port connects to itself and keeps the service from coming back.
const FIRST = 15_000
const LAST = 32_000
const handedOut = new Set()

export async function freePort() {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(FIRST, LAST)
    if (handedOut.has(port) || !(await isFree(port))) continue
    handedOut.add(port)
    return port
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`)
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

// A TCP proxy that misbehaves on request. It stands between a program under test and its database or broker, in the
// process of the driver, so that a fault begins and ends exactly when the driver says so.
import { createServer, connect } from 'node:net'
import { freePort } from '../../scripts/services/free-port.mjs'
import { Lane } from './lane.mjs'

/**
 * A fault is an object with
 *   waitFor      (chunk, lane) => milliseconds that the chunk is held up
 *   held         the directions in which nothing moves; ends of connections are not passed on then
 *   isRefusing   connections are reset
 *   take         (chunk, lane) => { part } of the chunk to forward; with `isLast` the connection is cut behind it
 *   done         () => called when that has happened
 */
const PASS = {}

export class Proxy {
  /** Listens on loopback; `target` is a port, and may be set later: Kafka has to know the proxy's port first. */
  static async start({ target, port } = {}) {
    const proxy = new Proxy()
    proxy.target = target
    proxy.port = port ?? (await freePort())
    await new Promise((resolve, reject) => {
      proxy.server.once('error', reject)
      proxy.server.listen({ port: proxy.port, host: '127.0.0.1', exclusive: true }, resolve)
    })
    return proxy
  }

  server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  connections = new Set()
  /** Connections since the proxy started. */
  accepted = 0
  /** Bytes forwarded since the proxy started: up is towards the server. */
  bytes = { up: 0, down: 0 }
  fault = PASS

  /** Everything works again; what was held goes on its way. */
  pass() {
    this.#set(PASS)
  }

  /** Each piece of data arrives so much later, in each direction; order stays. */
  delay(milliseconds, jitter = 0, random = Math.random) {
    this.#set({ waitFor: () => milliseconds + jitter * (2 * random() - 1) })
  }

  /** At most so many bytes a second, in each direction. */
  rate(bytesPerSecond) {
    this.#set({ waitFor: (chunk) => (chunk.length / bytesPerSecond) * 1_000, isInTurn: true })
  }

  /** A partition: connections stay open, new ones are accepted, and nothing is forwarded; or only in one direction. */
  blackhole(...directions) {
    this.#set({ held: directions.length > 0 ? directions : ['up', 'down'] })
  }

  /** What the server says, clients hear in other words: pairs of one length, since lengths are part of every protocol. */
  translate(words) {
    // Latin-1 keeps every byte as it is.
    const heard = (chunk) =>
      words.reduce((text, [said, heard]) => text.replaceAll(said, heard), chunk.toString('latin1'))
    const take = (chunk, { direction }) => ({ part: direction === 'up' ? chunk : Buffer.from(heard(chunk), 'latin1') })
    this.#set({ take })
  }

  /** Every connection is reset, and so is every new one. */
  refuse() {
    this.#set({ isRefusing: true })
    this.cut()
  }

  /** Resets the connections there are; new ones work. */
  cut() {
    for (const connection of this.connections) connection.cut()
  }

  /**
   * Forwards exactly so many further bytes in one direction, then cuts the connection that carried the last one. Once:
   * afterwards everything passes. Resolves when it has cut.
   */
  cutAfter(bytes, direction) {
    let left = bytes
    return this.#once((chunk, lane) => {
      if (lane.direction !== direction) return { part: chunk }
      const part = chunk.subarray(0, left)
      left -= part.length
      return { part, isLast: left === 0 }
    })
  }

  /**
   * Forwards the next request that `watcher` (wire.mjs) recognizes, swallows its answer, then cuts that connection. Once.
   * Resolves when the answer was swallowed: then the server has certainly done what it was asked.
   */
  dropReply(watcher) {
    const watching = new Map()
    return this.#once((chunk, { direction, connection }) => {
      if (!watching.has(connection)) watching.set(connection, { watch: watcher(), isAsked: false })
      const state = watching.get(connection)
      if (direction === 'up') {
        state.isAsked = state.watch.up(chunk) || state.isAsked
        return { part: chunk }
      }
      if (!state.isAsked) return { part: chunk }
      const { pass, isAnswer } = state.watch.down(chunk)
      return { part: chunk.subarray(0, pass), isLast: isAnswer }
    })
  }

  /** Ends all connections and listens no more. */
  async close() {
    this.fault = PASS
    this.cut()
    await new Promise((resolve) => this.server.close(resolve))
  }

  #set(fault) {
    this.fault = fault
    for (const connection of this.connections) connection.wake()
  }

  #once(take) {
    return new Promise((resolve) => {
      const done = () => {
        this.#set(PASS)
        resolve()
      }
      this.#set({ take, done })
    })
  }

  #accept(client) {
    this.accepted += 1
    const connection = new Connection(this, client)
    this.connections.add(connection)
    connection.wake()
  }
}

/** One client and, unless a fault forbids it, its connection to the server. */
class Connection {
  constructor(proxy, client) {
    this.proxy = proxy
    this.client = client
    this.up = new Lane(this, 'up', { source: client })
    this.down = new Lane(this, 'down', { sink: client })
    this.#watch(client)
  }

  /** The fault of the proxy has changed. */
  wake() {
    if (this.proxy.fault.isRefusing) return this.cut()
    if (!this.server && !this.proxy.fault.held?.includes('up')) this.#reach()
    this.up.wake()
    this.down.wake()
    return undefined
  }

  cut() {
    if (!this.proxy.connections.delete(this)) return
    for (const socket of [this.client, this.server]) {
      // Node sends a FIN first, then the RST. One that has ended cannot be reset any more: its handle would never close,
      // and a process that is through would turn in circles over it for ever.
      if (socket?.writableEnded) socket.destroy()
      else socket?.resetAndDestroy()
    }
  }

  /** A reset overtakes what has not been sent yet; what was forwarded must arrive. */
  cutBehind(sink) {
    this.isEnding = true
    sink.write('', () => this.cut())
  }

  #reach() {
    this.server = connect({ port: this.proxy.target, host: '127.0.0.1', allowHalfOpen: true })
    this.up.sink = this.server
    this.down.read(this.server)
    this.#watch(this.server)
  }

  /** Whichever side vanishes takes the other along; during a partition the other does not hear of it. */
  #watch(socket) {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.proxy.fault.held) this.isBroken = true
      else if (!this.isEnding) this.cutAfterQueues()
    })
  }

  /** What the vanished side had sent before still arrives. */
  cutAfterQueues() {
    if (this.up.isIdle && this.down.isIdle) this.cut()
    else this.isBroken = true
  }
}

const FULL = 1 << 20

/** One direction of one connection: an ordered queue of chunks, each with the time from which it may go on. */
export class Lane {
  #queue = []
  #queued = 0
  #free = 0 // when the chunk before may go on: order is kept whatever the delays
  #timer
  #hasEnded = false

  constructor(connection, direction, { source, sink }) {
    this.connection = connection
    this.direction = direction
    this.sink = sink
    if (source) this.read(source)
  }

  get #isHeld() {
    return this.connection.proxy.fault.held?.includes(this.direction) ?? false
  }

  get isIdle() {
    return this.#queue.length === 0
  }

  read(source) {
    this.source = source
    source.on('data', (chunk) => this.#arrive(chunk))
    source.on('end', () => {
      this.#hasEnded = true
      this.wake()
    })
  }

  /** Forwards what may go on by now. */
  wake() {
    clearTimeout(this.#timer)
    if (this.#isHeld || !this.sink || this.connection.isEnding) return
    while (this.#queue.length > 0) {
      const wait = this.#queue[0].from - performance.now()
      if (wait > 0 && this.connection.proxy.fault.waitFor) {
        this.#timer = setTimeout(() => this.wake(), wait)
        return
      }
      this.#forward(this.#queue.shift().chunk)
      if (this.connection.isEnding || this.#isHeld) return
    }
    if (this.connection.isBroken) this.connection.cutAfterQueues()
    else if (this.#hasEnded && !this.sink.writableEnded) this.sink.end()
  }

  #arrive(chunk) {
    const { fault } = this.connection.proxy
    const now = performance.now()
    // With a rate each chunk waits behind the one before; with a delay they travel side by side.
    const begin = fault.isInTurn ? Math.max(now, this.#free) : now
    const from = Math.max(this.#free, begin + (fault.waitFor?.(chunk) ?? 0))
    this.#free = from
    this.#queue.push({ chunk, from })
    this.#queued += chunk.length
    if (this.#queued > FULL) this.source.pause()
    this.wake()
  }

  #forward(chunk) {
    const { connection } = this
    this.#queued -= chunk.length
    if (this.#queued <= FULL && this.source.isPaused()) this.source.resume()
    const { take, done } = connection.proxy.fault
    const { part, isLast } = take ? take(chunk, this) : { part: chunk }
    connection.proxy.bytes[this.direction] += part.length
    if (part.length > 0 && this.sink.writable) this.sink.write(part)
    if (!isLast) return
    connection.cutBehind(this.sink)
    done()
  }
}

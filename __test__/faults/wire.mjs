// How the proxy knows one request among all bytes. A watcher sees a connection in both directions and says where the
// request ends and which answer is its answer.
const API_PRODUCE = 0

/** COMMIT as MariaDB and MySQL clients send it: a packet of seven bytes, the first of a command, "query COMMIT". */
export const mysqlCommit = () => textWatcher(Buffer.from('\x07\0\0\0\x03COMMIT', 'latin1'))

/** The execution of a prepared statement in MariaDB and MySQL: a first packet whose command is 23. */
export const mysqlExecute = () => mysqlWatcher(23)

/** COMMIT as PostgreSQL clients send it: a simple query. "READ COMMITTED" is no COMMIT. */
export const postgresCommit = () => textWatcher(Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1'))

/** The execution of a prepared statement in PostgreSQL, of the portal without a name. */
export const postgresExecute = () => textWatcher(Buffer.from('E\0\0\0\x09\0', 'latin1'))

/** A request of Kafka's protocol with this API key; the answer is the one with its correlation id. */
export const kafkaProduce = () => kafkaWatcher(API_PRODUCE)

/** Any request at all: the next bytes are it, and whatever comes back is its answer. */
export const anything = () => ({ up: () => true, down: (chunk) => ({ pass: 0, isAnswer: chunk.length > 0 }) })

/** The databases answer in turn and are asked one thing at a time: the next byte from the server is the answer. */
function textWatcher(text) {
  let tail = Buffer.alloc(0)
  return {
    /** Whether the request is complete with these bytes. */
    up(chunk) {
      const seen = Buffer.concat([tail, chunk])
      tail = seen.subarray(Math.max(0, seen.length - text.length + 1))
      return seen.includes(text)
    },
    /** How many of these bytes come before the answer, and whether it begins behind them. */
    down: (chunk) => ({ pass: 0, isAnswer: chunk.length > 0 }),
  }
}

function mysqlWatcher(command) {
  let tail = Buffer.alloc(0)
  return {
    up(chunk) {
      tail = Buffer.concat([tail, chunk])
      let found = false
      for (
        ;
        tail.length >= 4 && tail.length >= 4 + tail.readUIntLE(0, 3);
        tail = tail.subarray(4 + tail.readUIntLE(0, 3))
      ) {
        found ||= tail[3] === 0 && tail[4] === command
      }
      return found
    },
    down: (chunk) => ({ pass: 0, isAnswer: chunk.length > 0 }),
  }
}

function kafkaWatcher(apiKey) {
  const requests = frames()
  const answers = frames()
  const wanted = new Set()
  return {
    up(chunk) {
      let found = false
      for (const { head } of requests(chunk)) {
        if (head.readInt16BE(4) !== apiKey) continue
        wanted.add(head.readInt32BE(8))
        found = true
      }
      return found
    },
    down(chunk) {
      for (const { head, begin } of answers(chunk)) {
        if (wanted.has(head.readInt32BE(4))) return { pass: Math.max(0, begin), isAnswer: true }
      }
      return { pass: chunk.length, isAnswer: false }
    },
  }
}

const HEAD = 12 // length, API key and version, correlation id; an answer has its correlation id earlier

/** Cuts a stream into Kafka's frames: the head of each, and where in the chunk (negative: before it) it began. */
function frames() {
  let head = Buffer.alloc(0)
  let rest = 0 // bytes of the frame behind its head
  return (chunk) => {
    const found = []
    let at = 0
    while (at < chunk.length) {
      if (rest > 0) {
        const skipped = Math.min(rest, chunk.length - at)
        rest -= skipped
        at += skipped
        continue
      }
      const begin = at - head.length
      const size = head.length >= 4 ? headSize(head) : HEAD
      const part = chunk.subarray(at, at + Math.max(1, size - head.length))
      head = Buffer.concat([head, head.length < 4 ? part.subarray(0, 4 - head.length) : part])
      at = begin + head.length
      if (head.length < 4 || head.length < headSize(head)) continue
      found.push({ head, begin })
      rest = head.readInt32BE(0) + 4 - head.length
      head = Buffer.alloc(0)
    }
    return found
  }
}

// An answer can be shorter than the head of a request.
function headSize(head) {
  return Math.min(HEAD, head.readInt32BE(0) + 4)
}

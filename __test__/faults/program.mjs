// The driver's side of a program under test: it is started, ordered about, frozen and killed by its pid, never by a name.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('programs/', import.meta.url))

export class Program {
  #waiting = new Set()
  #ends

  /** `wrapper` is a command that runs the program for us, such as strace. */
  constructor(name, file, config, { env = {}, history, wrapper = [] }) {
    this.name = name
    this.history = history
    this.lines = []
    this.output = ''
    this.killed = false
    const { KER_FP: _fault, KER_BUG: _bug, NODE_OPTIONS: _options, ...own } = process.env
    const [command, ...args] = [...wrapper, process.execPath, path.join(folder, file), JSON.stringify(config)]
    this.child = spawn(command, args, { env: { ...own, ...env }, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
    this.child.stdin.on('error', () => {}) // it may be dead by now
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (this.output += text))
    }
    const read = createInterface({ input: this.child.stdio[3] }).on('line', (line) => this.#hear(JSON.parse(line)))
    // Both: the end of the process, and the last line that it wrote.
    this.#ends = Promise.all([once(this.child, 'close'), once(read, 'close')]).then(([[code, signal]]) => {
      this.end = { code, signal }
      this.#look()
      return this.end
    })
  }

  get pid() {
    return this.child.pid
  }

  order(order) {
    this.child.stdin.write(`${JSON.stringify(order)}\n`)
  }

  /** Resolves with the first line that `isIt` accepts, from the beginning on; rejects when the program ends without it. */
  line(isIt, within = 60_000) {
    return this.#until(() => this.lines.find(isIt), within)
  }

  /** Resolves as soon as so many such lines are there. */
  count(isIt, least, within = 60_000) {
    return this.#until(() => (this.lines.filter(isIt).length >= least ? this.lines : undefined), within)
  }

  ready() {
    return this.line(({ type }) => type === 'ready')
  }

  /** Gives an order and resolves with its answer, whatever it is. */
  async ask(order, isIt, within = 60_000) {
    const begin = this.lines.length
    this.order(order)
    return this.#until(() => this.lines.slice(begin).find((line) => line.type !== 'invoke' && isIt(line)), within)
  }

  signal(signal) {
    if (this.end) return false
    return this.child.kill(signal)
  }

  async kill() {
    this.killed = true
    this.signal('SIGKILL')
    return this.#ends
  }

  /** Asks for an orderly end. */
  async close(within = 30_000) {
    if (this.end) return this.end
    this.order({ order: 'close' })
    await this.#until(() => this.end, within)
    return this.end
  }

  /** Resolves when it has ended by itself. */
  async ended(within = 60_000) {
    await this.#until(() => this.end, within)
    return this.end
  }

  #hear(line) {
    const told = { p: this.name, ...line }
    this.lines.push(told)
    this.history.push(told)
    this.#look()
  }

  #look() {
    for (const look of this.#waiting) look()
  }

  #until(find, within) {
    const found = find()
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve, reject) => {
      const settle = (how, value) => {
        clearTimeout(late)
        this.#waiting.delete(look)
        how(value)
      }
      const look = () => {
        const found = find()
        if (found !== undefined) settle(resolve, found)
        else if (this.end)
          settle(reject, new Error(`${this.name} ended (${this.end.signal ?? this.end.code}) too early`))
      }
      const late = setTimeout(() => settle(reject, new Error(`${this.name}: nothing within ${within} ms`)), within)
      this.#waiting.add(look)
    })
  }
}

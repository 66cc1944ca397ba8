// One trial: a namespace of its own, programs, faults, and at the end everything that the checker looks at.
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { sendable, TOPIC } from './broker.mjs'
import { check } from './checker.mjs'
import { Program } from './program.mjs'
import { seeded } from './random.mjs'
import { countingSyncs, wrongClock } from './tools.mjs'

let trials = 0

export class Trial {
  history = []
  copies = []
  programs = []
  proxies = []
  /** What the checker is told of the faults. */
  facts = { kills: 0, isFaulty: true, retryCount: 20 }
  /** Called with each copy that comes. */
  onCopy
  #expectations = []
  #consumer
  #onCopy = new Set()

  constructor({ store, broker, seed, env = {}, patience = 60_000 }) {
    this.patience = patience
    this.store = store
    this.broker = broker
    this.seed = seed
    this.env = env
    this.random = seeded(seed)
    this.namespace = `t${process.pid}x${++trials}`
    this.place = store.place()
    broker.reader.listen(this.namespace, (record) => this.#read(record))
  }

  id(name) {
    return `${this.namespace}.${name}`
  }

  ids(count, name = 'e') {
    return Array.from({ length: count }, (_, n) => this.id(`${name}${n}`))
  }

  options(further = {}) {
    return {
      kafka: { brokers: this.broker.brokers },
      namespace: this.namespace,
      policy: { retryCount: this.facts.retryCount, backoff: false, maxDelay: 20 },
      leaseTimeout: 3_000,
      outcomeTimeout: 60_000,
      pushTimeout: 5_000,
      connectTimeout: 5_000,
      ensureTopics: false,
      ...further,
    }
  }

  /**
   * Starts a program. `fault` is what KER_FP gets. Programs are numbered: each has a database account of its own, and
   * with `proxied` a proxy of its own before the database.
   */
  async start(file, config = {}, { fault, proxied = false, env = {}, wrapper } = {}) {
    const who = this.programs.length
    const proxy = proxied ? await this.store.proxy() : undefined
    if (proxy) this.proxies.push(proxy)
    const db = config.options?.db ?? this.place.db({ who: who % 10, proxy })
    const options = { ...this.options(config.options), db }
    const told = { topic: TOPIC, ...config, options }
    const program = new Program(`${file.replace('.mjs', '')}${who}`, file, told, {
      env: { ...this.env, ...env, ...(fault ? { KER_FP: fault } : {}) },
      history: this.history,
      wrapper,
    })
    program.proxy = proxy
    program.account = `sut${who % 10}`
    this.programs.push(program)
    return program
  }

  async service(config = {}, how = {}) {
    const program = await this.start('all-in-one.mjs', config, how)
    await program.ready()
    return program
  }

  /** Stores failures first and begins to redeliver afterwards, so that the first claim takes them all. */
  async deliverAtOnce(program, ids) {
    program.order({ order: 'pushEach', ids })
    await program.count(({ op, type }) => op === 'push' && type === 'ok', ids.length)
    await this.pause(60) // longer than their delay
    program.order({ order: 'run' })
  }

  /** Kills a program; the checker allows one repetition for it. */
  async kill(program) {
    this.facts.kills++
    return program.kill()
  }

  /** Resolves when a program that should die of its fault has died. */
  async died(program, within = this.patience) {
    this.facts.kills++
    const { signal } = await program.ended(within)
    this.expect('the case', signal === 'SIGKILL', `${program.name} never came to the point where it should have died`)
  }

  freeze(program) {
    program.signal('SIGSTOP')
  }

  thaw(program) {
    program.signal('SIGCONT')
  }

  /** The environment of a process whose wall clock is wrong by so much. */
  wrongClock(milliseconds) {
    return wrongClock(milliseconds)
  }

  countSyncs() {
    return countingSyncs()
  }

  /** Something that must happen soon. */
  async soon(promise, text) {
    const late = pause(this.patience, 'late', { ref: false })
    if ((await Promise.race([promise, late])) === 'late') throw new Error(`${text}: not within ${this.patience} ms`)
  }

  pause(milliseconds) {
    return pause(milliseconds)
  }

  /** Copies go to this program from now on; what others had not answered goes to it first, as an uncommitted record would. */
  consume(program) {
    this.#consumer = program
    const handled = new Set(this.history.filter(({ type }) => type === 'ok').map(({ record }) => record))
    for (const copy of this.copies) if (!handled.has(copy.number)) this.#hand(copy)
  }

  /** Nobody consumes: copies are only collected. */
  consumeNothing() {
    this.#consumer = undefined
  }

  #read(record) {
    this.copies.push(record)
    if (this.#consumer) this.#hand(record)
    this.onCopy?.(record)
    for (const listener of this.#onCopy) listener(record)
  }

  #hand(record) {
    this.hand(this.#consumer, record)
  }

  /** Gives a copy to a program; `verb` says whether its handling is a `success` or a `push`, else its attempt decides. */
  hand(program, record, verb) {
    if (!program.end) program.order({ order: 'record', record: sendable(record), verb })
  }

  /** Something that this case promises beside what every trial is checked for. */
  expect(invariant, isTrue, text) {
    if (!isTrue) this.#expectations.push({ invariant, id: '', text })
  }

  /** Holds the row of an entry in a session of its own. */
  lock(entry) {
    const sql = `BEGIN; SELECT id FROM ker_entry WHERE id = ${Number(entry)} FOR UPDATE;`
    return this.store.client.session(this.place.database, sql)
  }

  /** Resolves with the first copy that `isIt` accepts. */
  copy(isIt = () => true, within = this.patience) {
    const found = this.copies.find(isIt)
    if (found) return Promise.resolve(found)
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no such copy within ${within} ms`)), within)
      const listener = (record) => {
        if (!isIt(record)) return
        clearTimeout(late)
        this.#onCopy.delete(listener)
        resolve(record)
      }
      this.#onCopy.add(listener)
    })
  }

  /** Asks the database until it says what `isIt` accepts. */
  async entries(isIt = () => true, within = this.patience) {
    for (const limit = Date.now() + within; ; await pause(100)) {
      const entries = await this.store.entries(this.place, this.namespace)
      if (isIt(entries)) return entries
      if (Date.now() > limit) {
        const left = entries.slice(0, 5).map((entry) => JSON.stringify(entry))
        throw new Error(
          `after ${within} ms ${entries.length} entries are not as they should be, such as ${left.join(' ')}`,
        )
      }
    }
  }

  /** Every entry is redelivered, handled and forgotten by this program. */
  async drain(program) {
    this.consume(program)
    await this.entries((entries) => entries.length === 0)
  }

  /** Ends all programs and compares what they said with what there is. */
  async verdict() {
    await this.end()
    await this.broker.reader.caughtUp()
    const entries = await this.store.entries(this.place, this.namespace)
    const audit = await this.store.audit(this.place, this.namespace)
    const outputs = this.programs.map(({ name, output }) => ({ name, output }))
    this.evidence = { copies: this.copies, entries, audit }
    const facts = { ...this.facts, history: this.history, copies: this.copies, entries, audit, outputs, topic: TOPIC }
    return [...this.#expectations, ...check(facts)]
  }

  async end() {
    this.consumeNothing()
    this.onCopy = undefined
    for (const program of this.programs) program.signal('SIGCONT')
    for (const proxy of [...this.proxies, this.broker.proxy]) proxy.pass()
    await Promise.all(this.programs.map((program) => program.kill()))
  }

  async remove() {
    await this.end()
    this.broker.reader.forget(this.namespace)
    await Promise.all(this.proxies.map((proxy) => proxy.close()))
    this.place.remove()
  }
}

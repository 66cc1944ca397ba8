/**
 * The stored entries without a handler, for who looks at them from outside a service: no broker is known, nothing is
 * swept, no failure is reported.
 */
import type { AdoptionReport } from './adoption'
import { Entries } from './entries'
import type { HandlerOptions } from './handler-options'
import { prepareStoreOptions } from './options'
import { Session } from './session'

/** The options of a handler that are about its store. */
export type StoreOptions = Pick<HandlerOptions, 'db' | 'namespace' | 'groupId' | 'schema' | 'logger'>

/** What it takes to bring the tables to the version that is needed. */
export interface Plan {
  /** Name and version of the database server; null where the database does not exist. */
  server: string | null
  /** The version of the tables that are there; 0 without any. */
  found: number
  /** The version that this package needs. */
  needed: number
  /** The statements that lie between, in order. */
  statements: string[]
}

/** One open store. */
export class Operator {
  readonly #session: Session
  readonly entries: Entries

  /** Nothing is opened yet. Throws `KER_CONFIG` with every problem of `options`, and `KER_BINARY`. */
  constructor(method: string, options: StoreOptions) {
    this.#session = new Session(prepareStoreOptions(method, options), () => undefined)
    this.entries = new Entries(this.#session)
  }

  /** Connects, and makes the tables where `schema` says so. */
  open(): Promise<void> {
    return this.#session.initialize()
  }

  /** What `open()` would do to the tables with `schema: 'auto'`. Needs no `open()`, and changes nothing. */
  async plan(): Promise<Plan> {
    return JSON.parse(await this.#session.native.plan()) as Plan
  }

  /** Makes dead entries of the rows that 2.x gave up, or only says what there is. */
  async adoptDead(dryRun: boolean): Promise<AdoptionReport> {
    return JSON.parse(await this.#session.ready('adopt').native.adopt(true, dryRun)) as AdoptionReport
  }

  /** Ends the connections, whatever is under way on them; what was not committed is not done. */
  close(): Promise<void> {
    return this.#session.close()
  }
}

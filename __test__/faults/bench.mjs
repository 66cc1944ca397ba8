// Runs cases: starts what they need once, trials in parallel where the case allows it, one seed for each.
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { missingRequirements } from '../../scripts/services/install.mjs'
import { startBroker } from './broker.mjs'
import { hasSqliteClient } from './sql.mjs'
import { starters } from './stores.mjs'
import { obstacle } from './tools.mjs'
import { Trial } from './trial.mjs'

const SHOWN_FAILURES = 3

export class Bench {
  #broker
  #stores = new Map()
  #obstacles = new Map()

  constructor({ say, report }) {
    this.say = say
    this.report = report
  }

  /** Why a case cannot run on a store of this machine, or undefined. */
  obstacle({ needs = [] }, store) {
    const lacking = new Set(missingRequirements().map(({ service }) => service))
    for (const service of ['kafka', store]) if (lacking.has(service)) return `${service} is not installed`
    if (store === 'sqlite' && !hasSqliteClient()) return 'sqlite3 is not installed'
    for (const need of needs) {
      if (!this.#obstacles.has(need)) this.#obstacles.set(need, obstacle(need))
      if (this.#obstacles.get(need)) return this.#obstacles.get(need)
    }
    return undefined
  }

  /**
   * Runs trials of a case on a store until so many are through, or the time is; returns how many ran and which failed.
   * With `stopAtFirst` it stops at the first failure: enough for a planted bug.
   */
  async run(one, store, { trials, seed, until = Infinity, env = {}, patience, stopAtFirst = false }) {
    const broker = (this.#broker ??= await startBroker({ say: this.say }))
    if (!this.#stores.has(store)) this.#stores.set(store, await starters[store]())
    const result = { ran: 0, failures: [], seconds: 0 }
    const begin = performance.now()
    let next = 0
    const lanes = Array.from({ length: Math.min(one.parallel, trials) }, async () => {
      while (next < trials && Date.now() < until) {
        if (stopAtFirst && result.failures.length > 0) return
        const trialSeed = seed + next++
        const how = { store: this.#stores.get(store), broker, seed: trialSeed, env, patience }
        const failure = await this.#trial(one, how)
        result.ran++
        if (failure) result.failures.push(failure)
        if (failure && result.failures.length <= SHOWN_FAILURES) this.report(one, store, failure)
      }
    })
    await Promise.all(lanes)
    result.seconds = (performance.now() - begin) / 1_000
    return result
  }

  async #trial(one, how) {
    const trial = new Trial(how)
    const { seed } = how
    try {
      const violations = await whatItFinds(one, trial)
      return violations.length === 0
        ? undefined
        : { seed, violations, history: trial.history, evidence: trial.evidence }
    } finally {
      await trial.remove()
    }
  }

  async stop() {
    await Promise.all([...this.#stores.values()].map((store) => store.stop()))
    await this.#broker?.stop()
  }
}

/** A case that cannot go on has found something too, and what the checker says of it mostly tells why. */
async function whatItFinds(one, trial) {
  const found = []
  try {
    await one.run(trial)
  } catch (error) {
    const output = trial.programs.map(({ name, output }) => `${name}: ${output.trim().slice(-600)}`).join('\n')
    found.push({
      invariant: 'the case',
      id: '',
      text: `${process.env.KER_STACK ? error.stack : error.message}\n${output}`,
    })
  }
  try {
    found.push(...(await trial.verdict()))
  } catch (error) {
    found.push({ invariant: 'the check', id: '', text: error.stack })
  }
  return found
}

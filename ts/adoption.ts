/**
 * The rows that 2.x left in `business_errors`, and how they become entries.
 */

import { Place } from './place'
import { isRecord } from './shape'

/** What to adopt. */
export interface AdoptionOptions {
  /** Only say what there is. Default `false`. */
  dryRun?: boolean
  /** Adopt the rows that 2.x gave up, as dead entries, instead of those that it would send again. Default `false`. */
  dead?: boolean
}

/** The rows of one topic in a table of 2.x. */
export interface OldTopic {
  /** The database of the table. */
  source: string
  topic: string
  /** Rows that 2.x would send again. */
  open: number
  /** Rows that 2.x gave up. */
  spent: number
  /** Rows that are entries already. */
  adopted: number
}

/** What an adoption came to. */
export interface AdoptionReport {
  /** Rows that became entries, or joined the entry of their id. */
  adopted: number
  /** Rows that stay where they are, because `pushError` would refuse their topic or `dataId`. */
  refused: number
  /** What the tables of 2.x held before. Empty where there is none. */
  topics: OldTopic[]
}

const members = ['dryRun', 'dead'] as const

/** Reads what `adopt` was given; an unknown name is refused, because a misspelt `dryRun` must not change anything. */
export function readAdoption(given: unknown): Required<AdoptionOptions> {
  const place = new Place('adopt', 'options')
  const options = { dryRun: false, dead: false }
  if (given === undefined) return options
  if (!isRecord(given)) return place.refuse('', 'must be an object', given)
  for (const name of Object.keys(given)) {
    const known = members.find((member) => member === name)
    if (known === undefined)
      return place.refuse(name, `is unknown; there are ${members.join(' and ')}`, place.read(given, name))
    const value = place.read(given, known)
    if (value === undefined) continue
    if (typeof value !== 'boolean') return place.refuse(known, 'must be a boolean', value)
    options[known] = value
  }
  return options
}

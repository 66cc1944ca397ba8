/**
 * What a command works with.
 */
import type { Operator } from '../operator'
import type { Flags } from './parse'
import type { Terminal } from './terminal'

/** One run of one command. */
export interface Task {
  flags: Flags
  /** The words after the command. */
  words: readonly string[]
  /** The store, not opened yet. */
  operator: Operator
  terminal: Terminal
}

/** A command did not do what was asked, although nothing is broken: exit code 1. */
export class Failure extends Error {}

/**
 * From the words of a command line to a command and its flags. What was typed is never repeated in a message: it may be
 * an address with a password in it.
 */
import { parseArgs } from 'node:util'

import { nearest } from '../nearest'
import { commands, flagsOf, isCommand, type CommandName } from './flags'

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {}

/** What was asked for. */
export interface Request {
  command: CommandName | undefined
  /** The words after the command. */
  words: readonly string[]
  flags: Flags
}

/** The flags that were given. */
export class Flags {
  constructor(private readonly values: Readonly<Record<string, string | boolean | undefined>>) {}

  /** The value of a flag. */
  text(name: string): string | undefined {
    const value = this.values[name]
    return typeof value === 'string' ? value : undefined
  }

  /** Whether a flag without a value is there. */
  has(name: string): boolean {
    return this.values[name] === true
  }
}

/** Reads the words after `kafka-error-retry`, or throws a `UsageError`. */
export function parse(args: readonly string[]): Request {
  const { values, positionals } = read(args)
  const [first, ...words] = positionals
  if (first !== undefined && !isCommand(first)) {
    throw new UsageError(`there is no such command${didYouMean(first, Object.keys(commands))}`)
  }
  if (first !== undefined) {
    const known = flagsOf(first)
    const strange = Object.keys(values).find((flag) => !Object.hasOwn(known, flag) && flag !== 'version')
    if (strange !== undefined) throw new UsageError(`${first} has no option --${strange}`)
  }
  return { command: first, words, flags: new Flags(values) }
}

/** The words as ids of entries. */
export function idsOf(words: readonly string[]): readonly string[] {
  if (words.every((word) => /^\d{1,19}$/.test(word))) return words
  throw new UsageError('an id is a decimal number, as list shows it')
}

function read(args: readonly string[]): { values: Record<string, string | boolean>; positionals: string[] } {
  const names = Object.keys(commands) as CommandName[]
  const known = Object.assign({ version: { text: '' } }, ...names.map(flagsOf)) as ReturnType<typeof flagsOf>
  const options = Object.fromEntries(
    Object.entries(known).map(
      ([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }] as const,
    ),
  )
  const help = { type: 'boolean', short: 'h' } as const
  try {
    const parsed = parseArgs({ args: [...args], options: { ...options, help }, allowPositionals: true, tokens: true })
    const given = parsed.tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []))
    const twice = given.find((name, index) => given.indexOf(name) !== index)
    // The last one would win, and a filter would be another than the one that was meant.
    if (twice !== undefined) throw new UsageError(`--${twice} is given twice`)
    return { values: { ...parsed.values } as Record<string, string | boolean>, positionals: parsed.positionals }
  } catch (error) {
    throw usageError(error, Object.keys(known))
  }
}

function usageError(error: unknown, known: string[]): unknown {
  const { code, message } = error as { code?: string; message: string }
  const [, flag] = /'(?:-\w, )?(-[^' =]+)/.exec(message) ?? []
  const name = flag?.replace(/^-+/, '') ?? ''
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    return new UsageError(`there is no option ${flag ?? 'like this'}${didYouMean(name, known, '--')}`)
  }
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return error
  return new UsageError(message.includes('does not take') ? `${flag} takes no value` : `${flag} needs a value`)
}

function didYouMean(word: string, known: string[], before = ''): string {
  const near = nearest(word, known)
  return near === undefined ? '' : `; did you mean ${before}${near}?`
}

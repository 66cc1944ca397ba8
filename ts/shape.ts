/**
 * The vocabulary in which the shapes of options are written down (`options.ts`). A shape reads one value: it returns the
 * normalized value, or reports a problem and returns `undefined`. Reading goes on after a problem, since a user wants all
 * of them at once.
 */
import { durationExpected, parseDuration } from './duration'
import { nearest } from './nearest'
import { received } from './received'
import { isStorable, storableExpected } from './text'

/** One thing that is wrong with an options object. `path` has no `options.` in front; the object itself is `''`. */
export interface Problem {
  path: string
  expected: string
  received: string
}

/** One pass over an options object: what was wrong, what is odd, and what a getter threw. */
export class Reading {
  readonly problems: Problem[] = []
  /** Keys that are ignored, as sentences. */
  readonly ignored: string[] = []
  /** What the first throwing getter threw. */
  cause: unknown

  /** `root` is how messages call the object: `options`, or `message.policy`. */
  constructor(readonly root: string) {}

  /** Reports that the value at `path` is not what was expected. */
  problem(path: string, expected: string, value: unknown): undefined {
    this.problems.push({ path, expected, received: received(value) })
    return undefined
  }

  /** Reads a property that may be a getter. */
  property(source: object, key: string, path: string): unknown {
    return this.look(path, () => (source as Record<string, unknown>)[key])
  }

  /** The own enumerable names: nothing inherited is an option. */
  keys(source: object, path: string): string[] {
    return this.look(path, () => Object.keys(source)) ?? []
  }

  /** Runs what asks the caller's value, which may throw at any question: an accessor, a proxy. */
  look<T>(path: string, ask: () => T): T | undefined {
    try {
      return ask()
    } catch (thrown) {
      this.problems.push({ path, expected: 'could not be read', received: '' })
      this.cause ??= thrown
      return undefined
    }
  }

  /** Whether something is already wrong with the value at `path` itself. */
  hasProblemAt(path: string): boolean {
    return this.problems.some((problem) => problem.path === path)
  }
}

const manyProblems = 20
const longestName = 255

/** Reads the value at `path`, which is never `undefined`. */
export type Shape = (value: unknown, path: string, reading: Reading) => unknown

/** The text of a problem, without the method. */
export function sentence({ path, expected, received: type }: Problem, root: string): string {
  const subject = path === '' ? root : `${root}.${path}`
  const joint = /^(must|is|are|could|cannot|needs)\b/.test(expected) ? ' ' : ': '
  // "Is unknown" and "is managed by this library" say nothing about a value.
  const shown = type !== '' && expected.startsWith('must') ? `; received ${type}` : ''
  return `${subject}${joint}${expected}${shown}`
}

function checked(expected: string, test: (value: unknown) => boolean): Shape {
  return (value, path, reading) => (test(value) ? value : reading.problem(path, expected, value))
}

/** Any string that every store can keep. */
export const text: Shape = (value, path, reading) => {
  if (typeof value !== 'string') return reading.problem(path, 'must be a string', value)
  return isStorable(value) ? value : reading.problem(path, storableExpected, value)
}

/** `true` or `false`. */
export const flag = checked('must be a boolean', (value) => typeof value === 'boolean')

/** A string that a pattern describes wholly; the pattern is its own description. */
export function matching(pattern: string): Shape {
  const whole = new RegExp(`^(?:${pattern})$`)
  return checked(`must match ${pattern}`, (value) => typeof value === 'string' && whole.test(value))
}

/** One of a few words. */
export function oneOf(...words: string[]): Shape {
  return checked(`must be one of ${words.join(', ')}`, (value) => typeof value === 'string' && words.includes(value))
}

/** An integer in a range; with `digits`, also its decimal text, as 2.x configuration files have it. */
export function integer(min: number, max: number, form: 'number' | 'digits' = 'number'): Shape {
  return (value, path, reading) => {
    const number = form === 'digits' && typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    const fits = typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max
    return fits ? number : reading.problem(path, `must be an integer ${min}–${max}`, value)
  }
}

/** Milliseconds or a string with a unit; read as milliseconds. */
export const duration: Shape = (value, path, reading) =>
  parseDuration(value) ?? reading.problem(path, durationExpected, value)

/** An array whose items have one shape. */
export function listOf(item: Shape, expected: string): Shape {
  return (value, path, reading) => {
    if (!Array.isArray(value)) return reading.problem(path, expected, value)
    const read: unknown[] = []
    // By number, since a hole is a wrong item too; and a list of four thousand million holes is long enough refused.
    for (let index = 0; index < value.length && reading.problems.length < manyProblems; index += 1) {
      read.push(item(value[index], `${path}[${index}]`, reading))
    }
    // A list with a wrong item is left out as a whole: what is wrong in it has been said.
    return read.includes(undefined) ? undefined : read
  }
}

/** An object of free names with plain values, which are passed on as text. */
export const settings: Shape = (value, path, reading) => {
  if (!isRecord(value)) return reading.problem(path, 'must be an object', value)
  const read = bare<string>()
  for (const key of reading.keys(value, path)) {
    const at = `${path}.${shown(key)}`
    const setting = reading.property(value, key, at)
    if (key.length > longestName || !isStorable(key)) {
      reading.problem(`${path}'s names`, `must be up to ${longestName} characters of valid Unicode without NUL`, key)
    } else if (typeof setting === 'string') {
      if (text(setting, at, reading) !== undefined) read[key] = setting
    } else if (typeof setting === 'boolean' || Number.isFinite(setting)) {
      read[key] = String(setting)
    } else if (setting !== undefined && !reading.hasProblemAt(at)) {
      reading.problem(at, 'must be a string, number or boolean', setting)
    }
  }
  return read
}

/** How an object of known names treats the rest. */
export interface RecordRules {
  /** `'ignore'` tells of unknown names once; the default refuses them. */
  unknown?: 'refuse' | 'ignore'
  /** Whether `null` counts as absent. */
  nullIsAbsent?: boolean
  /** Names that must be there. */
  required?: readonly string[]
}

/** An object of known names. Absent ones stay absent: defaults live in the core. */
export function record(table: Readonly<Record<string, Shape>>, rules: RecordRules = {}): Shape {
  return (value, path, reading) => {
    if (!isRecord(value)) return reading.problem(path, 'must be an object', value)
    const read = bare()
    for (const key of reading.keys(value, path)) {
      const shape = Object.hasOwn(table, key) ? table[key] : undefined
      const at = path === '' ? key : `${path}.${key}`
      if (shape === undefined) {
        unknown(key, path, at, table, rules, reading)
        continue
      }
      const given = reading.property(value, key, at)
      if (given === undefined || (given === null && rules.nullIsAbsent === true)) continue
      const normalized = reading.look(at, () => shape(given, at, reading))
      if (normalized !== undefined) read[key] = normalized
    }
    for (const key of rules.required ?? []) {
      const at = path === '' ? key : `${path}.${key}`
      const wrong = reading.problems.some((problem) => problem.path === at || problem.path.startsWith(`${at}[`))
      // The shape itself knows how to say what was expected.
      if (read[key] === undefined && !wrong) table[key]?.(undefined, at, reading)
    }
    return read
  }
}

function unknown(
  key: string,
  path: string,
  at: string,
  table: Readonly<Record<string, Shape>>,
  rules: RecordRules,
  reading: Reading,
): void {
  const near = nearest(key, Object.keys(table))
  const prefix = path === '' ? reading.root : `${reading.root}.${path}`
  const hint = near === undefined ? '' : `. Did you mean ${prefix}.${near}?`
  if (rules.unknown === 'ignore') {
    reading.ignored.push(`${prefix}.${shown(key)} is unknown and ignored${hint}`)
  } else {
    reading.problems.push({
      path: at.slice(0, at.length - key.length) + shown(key),
      expected: `is unknown${hint}`,
      received: '',
    })
  }
}

/** An object that inherits nothing: what somebody put on every object is no option. */
export function bare<T = unknown>(members?: Readonly<Record<string, T>>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, members)
}

// A name may be anything, such as a whole payload used as a key by mistake.
function shown(key: string): string {
  return key.length > 64 ? `${key.slice(0, 64)}…` : key
}

/** An object that is no array and no bytes. */
export function isRecord(value: unknown): value is object {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
  } catch {
    // Even asking a revoked proxy whether it is an array throws.
    return false
  }
}

/**
 * Where in which call a value stands, and the refusal of one that is wrong there.
 */
import { ArgumentError } from './errors'
import { received } from './received'

/** A place such as `pushError: messages[2]`. */
export class Place {
  constructor(
    /** The method that was called. */
    readonly method: string,
    /** The path of the object in its arguments. */
    readonly path: string,
  ) {}

  /** The path of a member: `key` is `'topic'` or `'headers[3].value'`; the object itself is `''`. */
  pathOf(key: string): string {
    return key === '' ? this.path : `${this.path}.${key}`
  }

  /** Throws the `ArgumentError` that says what was expected of `key`. */
  refuse(key: string, expected: string, value: unknown, cause?: unknown): never {
    const path = this.pathOf(key)
    const type = received(value)
    throw new ArgumentError('KER_ARGUMENT', `${this.method}: ${path} ${expected}; received ${type}`, {
      cause,
      details: { method: this.method, path, expected, received: type },
    })
  }

  /** Reads a member that may be a getter, once. `at` is its path, where that is not its name. */
  read(source: object, key: string, at = key): unknown {
    try {
      return (source as Record<string, unknown>)[key]
    } catch (thrown) {
      const path = this.pathOf(at)
      throw new ArgumentError('KER_ARGUMENT', `${this.method}: ${path} could not be read`, {
        cause: thrown,
        details: { method: this.method, path, expected: 'could not be read' },
      })
    }
  }
}

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
    return this.look(at, () => (isForeign(source, key) ? undefined : (source as Record<string, unknown>)[key]))
  }

  /** Runs what asks the caller's value, which may throw at any question: an accessor, a proxy. Refusals pass. */
  look<T>(key: string, ask: () => T): T {
    try {
      return ask()
    } catch (thrown) {
      if (thrown instanceof ArgumentError) throw thrown
      const path = this.pathOf(key)
      throw new ArgumentError('KER_ARGUMENT', `${this.method}: ${path} could not be read`, {
        cause: thrown,
        details: { method: this.method, path, expected: 'could not be read' },
      })
    }
  }
}

/** Whether a member is there only because somebody put it on every object. That of a class may be inherited. */
function isForeign(source: object, key: string): boolean {
  if (!(key in Object.prototype)) return false
  for (
    let at: object | null = source;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object
  ) {
    if (Object.hasOwn(at, key)) return false
  }
  return true
}

/**
 * The typed emitter. As Node's, except that a listener is user code and can harm nobody: one that throws, or whose
 * promise rejects, becomes an `error` event, and an `error` event that nobody listens to is logged and never thrown.
 */
import { ArgumentError, HandlerError } from './errors'
import { received } from './received'

/** A function that hears an event. */
export type Listener<Payload> = (payload: Payload) => unknown

interface Registration {
  listener: Listener<never>
  once: boolean
}

/** Registrations and delivery of the events that `Map` names. One of them is `error`. */
export class Events<Map extends { error: unknown }> {
  readonly #registrations: Record<string, Registration[]>
  readonly #unheard: (error: unknown) => void
  readonly #onHeard: (name: keyof Map & string, isHeard: boolean) => void

  /**
   * `unheard` gets the payload of an `error` event without a listener, and what an `error` listener throws. `onHeard` is
   * called when an event gets its first listener, and when it has lost its last one.
   */
  constructor(
    names: readonly (keyof Map & string)[],
    unheard: (error: unknown) => void,
    onHeard: (name: keyof Map & string, isHeard: boolean) => void = () => undefined,
  ) {
    this.#registrations = Object.fromEntries(names.map((name) => [name, []]))
    this.#unheard = unheard
    this.#onHeard = onHeard
  }

  /** Calls `listener` at each event. The same listener may be registered more than once. */
  on<Name extends keyof Map & string>(name: Name, listener: Listener<Map[Name]>): void {
    this.#add('on', name, listener, false)
  }

  /** Calls `listener` at the next event only. */
  once<Name extends keyof Map & string>(name: Name, listener: Listener<Map[Name]>): void {
    this.#add('once', name, listener, true)
  }

  /** Removes one registration of `listener`, the latest first. */
  off<Name extends keyof Map & string>(name: Name, listener: Listener<Map[Name]>): void {
    const registrations = this.#of('off', name)
    const index = registrations.findLastIndex((registration) => registration.listener === listener)
    if (index >= 0) this.#remove(name, registrations, index)
  }

  /** Whether anybody listens to the event. */
  hears(name: keyof Map & string): boolean {
    return (this.#registrations[name]?.length ?? 0) > 0
  }

  /** Calls the listeners in the order of their registration. Never throws. */
  emit<Name extends keyof Map & string>(name: Name, payload: Map[Name]): void {
    const registrations = this.#registrations[name] ?? []
    if (registrations.length === 0 && name === 'error') this.#unheard(payload)
    // A copy, since a listener may remove itself or others.
    for (const registration of registrations.slice()) {
      if (registration.once) {
        const index = registrations.indexOf(registration)
        // A listener that emitted the event itself has used it up.
        if (index < 0) continue
        this.#remove(name, registrations, index)
      }
      this.#call(name, registration.listener as Listener<Map[Name]>, payload)
    }
  }

  #call<Name extends keyof Map & string>(name: Name, listener: Listener<Map[Name]>, payload: Map[Name]): void {
    try {
      const result = listener(payload)
      if (result instanceof Promise) result.catch((thrown: unknown) => this.#failed(name, thrown))
    } catch (thrown) {
      this.#failed(name, thrown)
    }
  }

  #failed(name: string, thrown: unknown): void {
    const error = new HandlerError('KER_HANDLER', `a listener of '${name}' threw`, { cause: thrown })
    // An `error` listener that throws would otherwise hear of itself for ever.
    if (name === 'error') this.#unheard(error)
    else this.emit('error', error)
  }

  #add(method: string, name: keyof Map & string, listener: unknown, once: boolean): void {
    const registrations = this.#of(method, name)
    if (typeof listener !== 'function') {
      const message = `${method}: listener must be a function; received ${received(listener)}`
      throw new ArgumentError('KER_ARGUMENT', message)
    }
    registrations.push({ listener: listener as Listener<never>, once })
    if (registrations.length === 1) this.#onHeard(name, true)
  }

  #remove(name: keyof Map & string, registrations: Registration[], index: number): void {
    registrations.splice(index, 1)
    if (registrations.length === 0) this.#onHeard(name, false)
  }

  #of(method: string, name: unknown): Registration[] {
    const known = typeof name === 'string' && Object.hasOwn(this.#registrations, name)
    const registrations = known ? this.#registrations[name] : undefined
    if (registrations !== undefined) return registrations
    const expected = `must be one of ${Object.keys(this.#registrations).join(', ')}`
    throw new ArgumentError('KER_ARGUMENT', `${method}: event ${expected}; received ${received(name)}`)
  }
}

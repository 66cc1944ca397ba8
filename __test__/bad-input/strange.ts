// Values that nobody expects, for properties over whatever is given.
import { runInNewContext } from 'node:vm'

import fc from 'fast-check'

const throwMine = (): never => {
  throw new Error('mine')
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function detached(): Uint8Array {
  const view = new Uint8Array(8)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}

/** Throws at every question. */
const hostile = (target: object) =>
  new Proxy(target, {
    get: throwMine,
    has: throwMine,
    ownKeys: throwMine,
    getPrototypeOf: throwMine,
    getOwnPropertyDescriptor: throwMine,
  })

const getter = (key: PropertyKey, target: object = {}) =>
  Object.defineProperty(target, key, { enumerable: true, configurable: true, get: throwMine })

class Order {
  #secret = 1
  get topic() {
    return this.#secret
  }
}

const makers: readonly (() => unknown)[] = [
  () => getter('topic', { dataId: 1, value: 'v' }),
  () => getter(0, [1, 2]),
  () => getter('length', new Uint8Array(4)),
  () => getter('buffer', new Uint8Array(4)),
  () => getter('then'),
  () => getter('toJSON'),
  () => getter(Symbol.iterator, [1]),
  () => ({ [Symbol.toPrimitive]: throwMine, toString: throwMine, valueOf: throwMine }),
  () => hostile({}),
  () => hostile([1]),
  () => hostile(() => undefined),
  () => new Proxy([1, 2], {}),
  () => new Proxy(new Uint8Array(4), {}),
  () => new Proxy(new Map(), {}),
  () => revoked({}),
  () => revoked([]),
  () => revoked(() => undefined),
  detached,
  () => detached().buffer,
  () => new SharedArrayBuffer(8),
  () => new Uint8Array(new SharedArrayBuffer(8)),
  () => new DataView(new ArrayBuffer(8)),
  () => new Float64Array(2),
  () => Object.defineProperty(new Uint8Array(4), 'length', { value: 1e9 }),
  () => new (class extends Uint8Array {})(4),
  () => Symbol('s'),
  () => Symbol.iterator,
  () => 10n ** 400n,
  () => -1n,
  () => Array.from({ length: 3 }),
  () => Object.assign([], { 5: 'x' }),
  () => Array(2 ** 20),
  () => new Order(),
  () =>
    new (class extends Date {
      override getTime() {
        return throwMine()
      }
    })(5),
  () => '\uD800',
  () => 'a\uDFFFb',
  () => 'x'.repeat(10_000_000),
  () => '\0',
  () => '__proto__',
  () => JSON.parse('{"__proto__":{"topic":"orders"},"constructor":{"prototype":{"all":true}}}') as unknown,
  () => Object.create(null, { topic: { value: 'orders', enumerable: true } }) as unknown,
  () => Object.freeze({ topic: 'orders', dataId: 1, value: 'v' }),
  () => throwMine,
  () => async () => throwMine(),
  () => Promise.resolve(1),
  () => new WeakMap(),
  () => new Map([['topic', 'orders']]),
  () => new Error('an error'),
  () => new Number(1),
  () => new String('orders'),
  () => /x/g,
  () => Number.NaN,
  () => -0,
  () => -Infinity,
  () => 2 ** 53,
  () => runInNewContext('({ topic: "orders", dataId: 1, value: new Uint8Array(2), headers: [["a", "b"]] })') as unknown,
  () => runInNewContext('new Proxy({}, { get() { throw 1 } })') as unknown,
  () => runInNewContext('(function () { return arguments })(1, 2)') as unknown,
]

/** What a value is made from later: fast-check itself would ask a hostile one questions. */
class Recipe {
  constructor(readonly index: number) {}

  toString(): string {
    return `strange value ${this.index}: ${String(makers[this.index])}`
  }
}

/** A generated value with every recipe in it made. */
export function made(value: unknown): unknown {
  if (value instanceof Recipe) return makers[value.index]?.()
  if (Array.isArray(value)) return value.map(made)
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, made(member)]))
}

/** Anything, and the worst of it often. */
export const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.nat(makers.length - 1).map((index) => new Recipe(index)),
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
)

// Random sequences of calls against a small model of what a handler is: which calls it takes now, and what it holds.
// A failure prints the seed, the path and the calls with which fast-check does the same again.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import test from 'ava'
import fc from 'fast-check'

import { KafkaErrorHandler } from '../index.js'

const { MockCluster } = createRequire(path.resolve('package.json'))('./native.js') as {
  MockCluster: new (brokers: number) => {
    bootstrapServers: string
    createTopic(name: string, partitions: number): void
    close(): void
  }
}
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const limit = 15_000
const cluster = new MockCluster(1)
cluster.createTopic('orders', 2)
test.after.always(() => cluster.close())

/** What a handler is, and what its database holds: attempts by id. */
interface Model {
  state: 'none' | 'made' | 'ready' | 'closed'
  entries: Map<string, number>
}
interface Real {
  file: string
  handler: KafkaErrorHandler | undefined
}

const made = (file: string) =>
  new KafkaErrorHandler({
    db: `sqlite:${file}`,
    kafka: { brokers: cluster.bootstrapServers },
    // Due at once, and never dead.
    policy: { retryCount: 1_000_000, maxDelay: 1 },
    ensureTopics: false,
    connectTimeout: 5_000,
    logger: false,
  })

/** What a call answers in a state: its own answer, or the code that the state refuses it with. */
async function answered<T>(state: Model['state'], call: Promise<T>): Promise<T | undefined> {
  const expected = state === 'ready' ? undefined : state === 'closed' ? 'KER_CLOSED' : 'KER_STATE'
  const answer = await inTime(
    call.then(
      (value) => ({ value, code: undefined }),
      (error: { code?: string }) => ({ value: undefined, code: error.code ?? String(error) }),
    ),
  )
  is(answer.code, expected, 'the code')
  return answer.value
}

function is(found: unknown, expected: unknown, what: string): void {
  if (found !== expected) throw new Error(`${what} is ${String(found)}, not ${String(expected)}`)
}

async function inTime<T>(call: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined
  const hangs = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error(`no answer within ${limit} ms`)), limit)
  })
  return Promise.race([call, hangs]).finally(() => clearTimeout(late))
}

type Run = (model: Model, handler: KafkaErrorHandler, real: Real) => Promise<void>

/** A call of the handler there is; `create` is the only one that needs none. */
function call(name: string, run: Run): fc.AsyncCommand<Model, Real, true> {
  return {
    check: async ({ state }) => state !== 'none',
    run: (model, real) => run(model, real.handler as KafkaErrorHandler, real),
    toString: () => name,
  }
}

const create: fc.AsyncCommand<Model, Real, true> = {
  check: async ({ state }) => state === 'none' || state === 'closed',
  async run(model, real) {
    real.handler = made(real.file)
    model.state = 'made'
  },
  toString: () => 'create',
}

const initialize = call('initialize', async (model, handler) => {
  await answered(model.state === 'made' ? 'ready' : model.state, handler.initialize())
  if (model.state === 'made') model.state = 'ready'
})

const close = call('close', async (model, handler) => {
  await inTime(handler.close())
  model.state = 'closed'
})

const stop = call('stopRetryTask', async (_, handler) => inTime(handler.stopRetryTask()))

const simple = (name: 'runRetryTask' | 'sweep' | 'stats' | 'metrics') =>
  call(name, async ({ state }, handler) => void (await answered<unknown>(state, handler[name]())))

const topic = (name: 'pause' | 'resume') =>
  call(name, async ({ state }, handler) => void (await answered(state, handler[name]('orders'))))

const push = (id: string) =>
  call(`pushError ${id}`, async ({ state, entries }, handler) => {
    const stored = await answered(state, handler.pushError({ topic: 'orders', dataId: id, value: '{}' }))
    if (stored === undefined) return
    entries.set(id, (entries.get(id) ?? 0) + 1)
    is(stored.retryCount, entries.get(id), 'retryCount')
  })

const succeed = (id: string) =>
  call(`notifySuccess ${id}`, async ({ state, entries }, handler) => {
    const resolved = await answered(state, handler.notifySuccess({ topic: 'orders', dataId: id }))
    if (resolved !== undefined) is(resolved.deleted, entries.delete(id) ? 1 : 0, 'deleted')
  })

const count = call('entries.count', async ({ state, entries }, handler) => {
  const counted = await answered(state, handler.entries.count())
  if (counted !== undefined) is(counted, entries.size, 'the number of entries')
})

/** Calls of one turn, and a close right behind them: all are done before it. */
const pushAndClose = (ids: string[]) =>
  call(`pushError ${ids.join(', ')} and close in one turn`, async (model, handler) => {
    const { state, entries } = model
    const pushes = ids.map((dataId) => answered(state, handler.pushError({ topic: 'orders', dataId, value: '{}' })))
    const closed = inTime(handler.close())
    model.state = 'closed'
    for (const [index, stored] of (await Promise.all(pushes)).entries()) {
      const id = ids[index] ?? ''
      if (stored !== undefined) entries.set(id, (entries.get(id) ?? 0) + 1)
    }
    await closed
  })

/** A close while the handler still begins: `initialize` may have been faster. */
const initializeAndClose = call('initialize and close in one turn', async (model, handler) => {
  const begun = handler.initialize().then(
    () => undefined,
    (error: { code: string }) => error.code,
  )
  await inTime(handler.close())
  const code = await inTime(begun)
  if (code !== undefined) is(code, 'KER_CLOSED', 'the code')
  model.state = 'closed'
})

/** A handler that is forgotten without a close, and its collection. */
const forget = call('gc', async (_, __, { file }) => {
  const forgotten = made(file)
  await inTime(forgotten.initialize())
  gc()
})

const id = fc.constantFrom('a', 'b', 'c')
const commands = fc.commands<Model, Real, true>(
  [
    fc.constant(create),
    fc.constant(create),
    fc.constant(initialize),
    fc.constant(initialize),
    ...(['runRetryTask', 'sweep', 'stats', 'metrics'] as const).map((name) => fc.constant(simple(name))),
    ...(['pause', 'resume'] as const).map((name) => fc.constant(topic(name))),
    id.map(push),
    id.map(push),
    id.map(succeed),
    fc.constant(count),
    fc.constant(stop),
    fc.constant(close),
    fc.array(id, { maxLength: 5 }).map(pushAndClose),
    fc.constant(initializeAndClose),
    fc.constant(forget),
  ],
  { maxCommands: 60, size: 'max' },
)

test('whatever is called in whatever order, a handler does as its small model says, and nothing hangs', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-life-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  let runs = 0
  const property = fc.asyncProperty(commands, async (calls) => {
    runs += 1
    const real: Real = { file: path.join(folder, `${runs}.db`), handler: undefined }
    try {
      await fc.asyncModelRun(() => ({ model: { state: 'none', entries: new Map() } as Model, real }), calls)
    } finally {
      await inTime(real.handler?.close() ?? Promise.resolve())
    }
  })
  await fc.assert(property, { numRuns: 40, includeErrorInReport: true })
  t.is(runs, 40)
})

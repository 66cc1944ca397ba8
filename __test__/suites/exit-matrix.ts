// The cells of the matrix of ends, and one run of one cell.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'

import type { HandlerOptions } from '../../index.js'
import { Proxy } from '../faults/proxy.mjs'
import { startMockCluster, type MockCluster } from './mock-cluster.js'

const program = path.resolve('__test__/suites/exit-program.mjs')

export const states = ['created', 'initializing', 'idle', 'running', 'closing'] as const
export const ways = [
  'returns',
  'exit',
  'exit in a listener',
  'exit in exit',
  'uncaught exception',
  'unhandled rejection',
  'abort',
  'never settles',
  'stdin ends',
  'SIGINT',
  'SIGTERM',
  'SIGTERM heard',
  'SIGTERM closes',
] as const
export const conditions = ['up', 'down', 'black-holed'] as const

export type State = (typeof states)[number]
export type Way = (typeof ways)[number]
export type Condition = (typeof conditions)[number]

export interface Cell {
  state: State
  way: Way
  brokers: Condition
  database: Condition
}

/** How long an end may take: what was begun may first run into its own time limit, which is a second here. */
const deadline = 5000
const limits = { connectTimeout: 1000, closeTimeout: 1000, pushTimeout: 1000 }

const expected: Readonly<Record<Way, [code: number | null, signal: string | null]>> = {
  returns: [0, null],
  exit: [0, null],
  'exit in a listener': [0, null],
  'exit in exit': [0, null],
  'uncaught exception': [1, null],
  'unhandled rejection': [1, null],
  abort: [null, 'SIGABRT'],
  'never settles': [13, null],
  'stdin ends': [0, null],
  SIGINT: [null, 'SIGINT'],
  SIGTERM: [null, 'SIGTERM'],
  'SIGTERM heard': [7, null],
  'SIGTERM closes': [7, null],
}

/** Whether a cell exists: a retry task keeps the process alive on purpose, and memory has no server to lose. */
export function exists({ state, way, database }: Cell, hasServer: boolean): boolean {
  if (state === 'running' && (way === 'returns' || way === 'never settles')) return false
  return database === 'up' || (hasServer && state !== 'created')
}

/** The servers that all cells share. */
export class Surroundings {
  private readonly sockets = new Set<{ destroy(): void }>()
  private constructor(
    private readonly cluster: MockCluster,
    private readonly silent: Server,
    private readonly server: string | undefined,
  ) {
    silent.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('error', () => undefined)
    })
  }

  /** `server` is the URL of a database on a server. */
  static async open(server: string | undefined): Promise<Surroundings> {
    const cluster = startMockCluster()
    // So that copies stay in flight.
    cluster.setRoundTrip(400)
    const silent = createServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    return new Surroundings(cluster, silent, server)
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.silent.close()
    this.cluster.close()
  }

  private brokers(condition: Condition): string {
    if (condition === 'up') return this.cluster.bootstrapServers
    return condition === 'down' ? '127.0.0.1:1' : `127.0.0.1:${(this.silent.address() as { port: number }).port}`
  }

  /** Runs one cell; resolves with what was wrong, or `undefined`. */
  async run(cell: Cell): Promise<string | undefined> {
    const proxy =
      this.server === undefined ? undefined : await Proxy.start({ target: Number(new URL(this.server).port) })
    try {
      return await this.end(cell, proxy)
    } finally {
      await proxy?.close()
    }
  }

  private async end({ state, way, brokers, database }: Cell, proxy: Proxy | undefined): Promise<string | undefined> {
    const url = new URL(this.server ?? 'memory:')
    if (proxy !== undefined) url.port = String(proxy.port)
    const options: HandlerOptions = {
      db: url.href,
      namespace: randomUUID().slice(0, 30),
      kafka: { brokers: this.brokers(brokers) },
      ensureTopics: false,
      logger: false,
      ...limits,
    }
    const child = spawn(process.execPath, [program, JSON.stringify(options), state, way], {
      env: { ...process.env, NODE_OPTIONS: '', IN_FLIGHT: brokers === 'up' ? '1' : '0' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (data) => (stderr += String(data)))
    child.stdin.on('error', () => undefined)
    const end = once(child, 'close') as Promise<[code: number | null, signal: string | null]>
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    if ((await lines.next()).done === true) return `ended before it was ready: ${(await end).join()} ${stderr}`
    if (database === 'down') proxy?.refuse()
    if (database === 'black-holed') proxy?.blackhole()
    const began = performance.now()
    child.stdin.write('go\n')
    await lines.next()
    if (way.startsWith('SIG')) child.kill(way.split(' ')[0] as NodeJS.Signals)
    if (way === 'stdin ends') child.stdin.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), deadline + 2 * limits.closeTimeout)
    const [code, signal] = await end
    clearTimeout(timer)
    const spent = performance.now() - began
    const [rightCode, rightSignal] = expected[way]
    if (code !== rightCode || signal !== rightSignal)
      return `ended with ${code ?? signal} after ${spent.toFixed()} ms: ${stderr}`
    if (spent > deadline) return `took ${spent.toFixed()} ms`
    return /double free|corrupt|panicked|Assertion|SIGSEGV/i.test(stderr) ? stderr : undefined
  }
}

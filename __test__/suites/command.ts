// The command line as users run it: the bin of package.json in a process of its own.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { KafkaErrorHandler } from '../../index.js'
import type { FailedMessage } from '../../index.js'
import { service, type Backend } from './bench.js'

const root = process.cwd()
const { bin } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> }

/** The file that npm links as `kafka-error-retry`. */
export const program = path.join(root, bin['kafka-error-retry'] ?? '')

/** What a run came to. */
export interface Ran {
  code: number | null
  out: string
  /** The lines of `out`. */
  lines: string[]
  err: string
}

/** Starts the command; standard input is closed, so nobody can be asked. */
export function start(args: readonly string[], variables: NodeJS.ProcessEnv = {}): ChildProcess {
  const { NODE_OPTIONS: _, DEBUG: __, NO_COLOR: ___, FORCE_COLOR: ____, ...inherited } = process.env
  const env = { ...inherited, ...variables }
  return spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Waits for the end of a process. */
export async function finished(child: ChildProcess): Promise<Ran> {
  let out = ''
  let err = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, out, lines: out.split('\n').slice(0, -1), err }
}

/** Runs the command to its end. */
export function run(...args: string[]): Promise<Ran> {
  return finished(start(args))
}

/** Runs a script with the client of the database server, which the servers under test come with. */
export async function runSql(address: string, sql: string): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(address)
  const database = pathname.slice(1)
  const [client = '', ...args] = address.startsWith('mysql')
    ? ['mariadb', '-h', hostname, '-P', port, '-u', username, `-p${password}`, database]
    : ['psql', '-q', '-v', 'ON_ERROR_STOP=1', address]
  const child = spawn(client, args, { stdio: ['pipe', 'ignore', 'pipe'] })
  child.stdin.end(sql)
  const { code, err } = await finished(child)
  if (code !== 0) throw new Error(`${client} ended with ${code}: ${err}`)
}

/** A database that does not exist yet, and entries in it. */
export class Ledger {
  readonly url: string
  readonly #end: () => void

  constructor(name: Backend['name']) {
    if (name === 'sqlite') {
      const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-command-'))
      this.url = `sqlite:${path.join(folder, 'retry.db')}`
      this.#end = () => rmSync(folder, { recursive: true, force: true })
    } else {
      const server = service(name === 'mysql' ? 'KER_TEST_MYSQL_URL' : 'KER_TEST_POSTGRES_URL')
      this.url = server === undefined ? '' : `${server}/ker-command-${randomUUID().slice(0, 8)}`
      this.#end = () => undefined
    }
  }

  /** Whether there is a server for it. */
  get isThere(): boolean {
    return this.url !== ''
  }

  end(): void {
    this.#end()
  }

  /** Runs the command on this database. */
  run(...args: string[]): Promise<Ran> {
    return finished(start(args, { KAFKA_ERROR_RETRY_DB: this.url }))
  }

  /** The ids of what is stored in a namespace, each with its data id and state. */
  async stored(namespace: string): Promise<[dataId: string, state: string][]> {
    const { lines } = await this.run('list', '--json', '--all', '--namespace', namespace)
    return lines.map((line) => {
      const { dataId, state } = JSON.parse(line) as { dataId: string; state: string }
      return [dataId, state]
    })
  }

  /** Stores failures in a namespace; a `retryCount` of 0 makes a dead entry. No broker is needed for that. */
  async fill(namespace: string, failures: readonly Partial<FailedMessage>[]): Promise<string[]> {
    return this.handled(namespace, async (handler) => {
      const ids: string[] = []
      // One after another, so that the ids have this order.
      for (const failure of failures) {
        const message = { topic: 'orders', value: 'CANARY-value', policy: dead, ...failure } as FailedMessage
        ids.push((await handler.pushError(message)).id)
      }
      return ids
    })
  }

  /** Does something with a handler of a namespace. */
  async handled<T>(namespace: string, work: (handler: KafkaErrorHandler) => Promise<T>): Promise<T> {
    const kafka = { brokers: '127.0.0.1:1' }
    const handler = new KafkaErrorHandler({ db: this.url, kafka, namespace, ensureTopics: false, logger: false })
    try {
      await handler.initialize()
      return await work(handler)
    } finally {
      await handler.close()
    }
  }
}

/** The policy whose first failure is the last. */
export const dead = { retryCount: 0 }
/** The policy whose first redelivery is a minute away. */
export const waiting = { retryCount: 5, backoff: false }

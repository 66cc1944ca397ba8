/**
 * Runs every `js` block of the README files, each example in a process of its own, against the servers that
 * `KER_TEST_MYSQL_URL`, `KER_TEST_POSTGRES_URL` and `KER_TEST_BROKERS` name. An example is the block after
 * `<!-- example: NAME -->` and those after `<!-- example: NAME, continued -->`.
 */
import test from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

interface Example {
  file: string
  name: string
  blocks: string[]
}

const services = {
  mysql: process.env['KER_TEST_MYSQL_URL'],
  postgres: process.env['KER_TEST_POSTGRES_URL'],
  kafka: process.env['KER_TEST_BROKERS'],
}
type Service = keyof typeof services
const variables: Record<Service, string> = {
  mysql: 'KER_TEST_MYSQL_URL',
  postgres: 'KER_TEST_POSTGRES_URL',
  kafka: 'KER_TEST_BROKERS',
}
// What the examples call their database; the servers may be a developer's own.
const database = `ker-readme-${process.pid}`

// What is asked of an example once its blocks have run, as far as they leave something to ask for.
const seedCheck = `if ((await handler.entries.count({ topic: 'test', dataId: '1' })) !== 0) throw new Error('it is still there')`
const quickCheck = `
  const record = (amount, headers) => ({
    topic: 'orders',
    partition: 0,
    message: { key: null, value: Buffer.from(JSON.stringify({ id: 7, amount })), headers, offset: '5', timestamp: '1700000000000' },
  })
  const count = () => handler.entries.count({ topic: 'orders', groupId: 'billing', dataId: 7 })
  await eachMessage(record(0, {}))
  if ((await count()) !== 1) throw new Error('the failure is not stored')
  await eachMessage(record(5, {}))
  if ((await count()) !== 1) throw new Error('a message that is no redelivery deleted it')
  await eachMessage(record(5, { 'x-ker-entry': Buffer.from('0'.repeat(32)) }))
  if ((await count()) !== 0) throw new Error('the success did not delete it')`
const checks: Readonly<Record<string, string>> = {
  '2.x': seedCheck,
  '2.x zh': seedCheck,
  quick: quickCheck,
  'quick zh': quickCheck,
}

/** The examples of a file in order; a `js` block without a name is refused, since nobody would run it. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(path.join(process.cwd(), file), 'utf8')
  const examples = new Map<string, Example>()
  const block =
    /(?:<!-- example: (?<name>[^>]+?)(?<continued>, continued)? -->\n+(?:<!-- prettier-ignore -->\n+)?)?```js\n(?<code>[\s\S]*?)```/g
  for (const { groups = {}, index } of text.matchAll(block)) {
    const { name, continued, code = '' } = groups
    const line = text.slice(0, index).split('\n').length
    if (name === undefined) throw new Error(`${file}:${line}: a js block without <!-- example: NAME -->`)
    const known = examples.get(name)
    if ((continued !== undefined) !== (known !== undefined))
      throw new Error(`${file}:${line}: ${name}: continued, or not?`)
    if (known === undefined) examples.set(name, { file, name, blocks: [code] })
    else known.blocks.push(code)
  }
  return [...examples.values()]
}

/** The code with the addresses and logins of the servers that are there, and SQLite's file in `folder`. */
function addressed(code: string, folder: string): string {
  let text = code.replaceAll('sqlite:./retry.db', `sqlite:${path.join(folder, 'retry.db')}`)
  if (services.kafka !== undefined) text = text.replaceAll('127.0.0.1:9092', services.kafka.split(',')[0] ?? '')
  for (const [login, url] of [
    ['mysql://root:12345678@127.0.0.1:3306', services.mysql],
    ['postgres://postgres:12345678@127.0.0.1:5432', services.postgres],
  ] as const) {
    if (url !== undefined) {
      text = text.replaceAll(`${login}/kafka-error-retry`, `${url.replace(/\/$/, '')}/${database}`)
    }
  }
  if (services.mysql === undefined) return text
  const { hostname, port, username, password } = new URL(services.mysql)
  return text
    .replace('host: "127.0.0.1"', `host: ${JSON.stringify(hostname)}`)
    .replace('port: 3306', `port: ${port || 3306}`)
    .replace('username: "root"', `username: ${JSON.stringify(decodeURIComponent(username))}`)
    .replace('password: "12345678"', `password: ${JSON.stringify(decodeURIComponent(password))}`)
}

/** Which databases an example is run with: it names its own, or is run with each that it offers. */
function runsOf(example: Example): (Service | 'sqlite')[] {
  const code = example.blocks.join('\n')
  if (code.includes('RETRY_DATABASE')) return ['sqlite', 'mysql', 'postgres']
  return [code.includes('3306') ? 'mysql' : 'sqlite']
}

function programOf({ name, blocks }: Example): string {
  const check = checks[name] ?? ''
  const last = blocks.at(-1) ?? ''
  const closes = last.trimStart().startsWith('await handler.close()')
  const parts = closes ? [...blocks.slice(0, -1), check, last] : [...blocks, check]
  // The last word tells an example that came to its end from one that waits for what never comes.
  return `
    async function main() {
      ${parts.join('\n')}
      if (typeof handler !== 'undefined') await handler.close()
      console.log('came to its end')
    }
    main().catch((error) => {
      console.error(error)
      process.exit(1)
    })`
}

async function run(program: string, retryDatabase: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=commonjs', '-e', program], {
    // In the package its own name leads to itself.
    cwd: process.cwd(),
    env: { ...process.env, NODE_OPTIONS: '', RETRY_DATABASE: retryDatabase },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)))
  const patience = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(patience)
  return { code, output }
}

for (const example of ['README.md', 'README.zh-CN.md'].flatMap(examplesOf)) {
  for (const kind of runsOf(example)) {
    const title = `${example.file}: the example ${example.name} runs with ${kind}`
    const needed: Service[] = kind === 'sqlite' ? ['kafka'] : [kind, 'kafka']
    const missing = needed.filter((service) => services[service] === undefined).map((service) => variables[service])
    if (missing.length > 0 && process.env['REQUIRE_SERVICES'] !== '1') {
      process.stderr.write(`SKIPPED: ${title}: ${missing.join(' and ')} not set; npm test starts the servers\n`)
      test.skip(title, (t) => t.fail())
      continue
    }
    // One after another: they share a database and its entries.
    test.serial(title, async (t) => {
      t.deepEqual(missing, [], 'not set, and REQUIRE_SERVICES=1')
      const folder = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-readme-'))
      t.teardown(() => rmSync(folder, { recursive: true, force: true }))
      const { code, output } = await run(addressed(programOf(example), folder), kind)
      t.is(code, 0, output)
      t.regex(output, /^came to its end$/m)
    })
  }
}

test('the first example is the usage of 2.x, word for word', (t) => {
  const seed = `let handler = KafkaErrorHandler.getInstance({
    db: {
      type: "mysql",
      host: "127.0.0.1",
      port: 3306,
      username: "root",
      password: "12345678",
      // database: "kafka-error-retry",
      logging: true
    },
    kafka: {
      brokers: "127.0.0.1:9092",
      partitions: 8,
      replicas: 1
    },
    policy: {
      retryCount: 10,
      backoff: true
    },
    scheduleRule: "1 * * * * *"
  })

  await handler.initialize()
  await handler.runRetryTask()
  await handler.pushError({
    topic: "test",
    key: "test-1",
    value: "test data",
    dataId: "1"
  })
  await handler.notifySuccess({
    topic: "test",
    dataId: 1
  })
`
  for (const file of ['README.md', 'README.zh-CN.md']) {
    const [first] = examplesOf(file)
    t.is(first?.blocks.slice(1).join(''), seed, file)
  }
})

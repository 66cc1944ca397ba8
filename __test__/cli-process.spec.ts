// The command line as a process: usage, exit codes, signals, pipes, terminals, and what it must never print.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'

import test from 'ava'

import { commands, flagsOf, type CommandName } from '../dist/cli/flags.js'
import { fitted, visible, width } from '../dist/cli/text.js'
import { service } from './suites/bench.js'
import { dead, finished, Ledger, program, run, start } from './suites/command.js'

const ledger = new Ledger('sqlite')
test.before('entries to look at', async () => {
  await ledger.fill('', [{ dataId: '1' }, { dataId: '2' }])
  await ledger.fill(
    'many',
    Array.from({ length: 120 }, (_, index) => ({ dataId: String(index), policy: dead })),
  )
})
test.after.always('removed', () => ledger.end())

const names = Object.keys(commands) as CommandName[]

test.serial('without a command it says where the list is; help and version need no database', async (t) => {
  const nothing = await run()
  t.deepEqual([nothing.code, nothing.out], [2, ''])
  t.is(nothing.err, 'kafka-error-retry: which command? kafka-error-retry --help lists them\n')
  const { version } = JSON.parse(readFileSync(path.resolve('package.json'), 'utf8')) as { version: string }
  t.is((await run('--version')).out, `${version}\n`)
  const help = await run('--help')
  t.is(help.code, 0)
  for (const name of names) t.true(help.out.includes(`\n  ${name.padEnd(7)}  ${commands[name].summary}\n`), help.out)
})

for (const name of names) {
  test.serial(`${name} --help has every flag of it, within 120 columns`, async (t) => {
    const { code, out, lines, err } = await run(name, '-h')
    t.deepEqual([code, err], [0, ''])
    t.true(out.startsWith(`Usage: kafka-error-retry ${commands[name].usage}\n`))
    for (const [flag, { text }] of Object.entries(flagsOf(name))) {
      t.true(
        lines.some((line) => line.startsWith(`  --${flag} `) && line.endsWith(text)),
        flag,
      )
    }
    t.deepEqual(
      lines.filter((line) => line.length > 120),
      [],
    )
  })
}

const mistakes: [args: string[], message: string][] = [
  [['lst'], 'there is no such command; did you mean list?'],
  [['list', '--topik', 'orders'], 'there is no option --topik; did you mean --topic?'],
  [['list', '-x'], 'there is no option -x'],
  [['list', '--yes'], 'list has no option --yes'],
  [['migrate', '--topic', 'orders'], 'migrate has no option --topic'],
  [['list', '--topic'], '--topic needs a value'],
  [['list', '--json=yes'], '--json takes no value'],
  [['list', '--topic', 'a', '--topic', 'b'], '--topic is given twice'],
  [['list', 'orders'], 'list takes no words: show ID has one entry, and flags say which to list'],
  [['list', '--limit', '0'], '--limit must be an integer 1–1000000'],
  [['list', '--limit', '5', '--all'], 'give --all or --limit, not both'],
  [['list', '--older-than', '7'], '--older-than needs a duration, such as 90s, 15m, 12h or 7d'],
  [['list', '--failed-before', '1'], '--failed-before needs a moment, such as 2026-05-01T12:00:00Z'],
  [['show'], 'show needs the id of one entry'],
  [['show', '1', '2'], 'show needs the id of one entry'],
  [['show', 'mysql://root:CANARY@db/x'], 'an id is a decimal number, as list shows it'],
  [['requeue'], 'requeue needs ids, a filter or --all'],
  [['requeue', '--all', '--topic', 'a'], '--all stands alone: take it out, or ids and filter'],
  [['requeue', '1', '--limit', '1'], '--limit is for a filter, not for ids'],
  [['requeue', '--state', 'leased'], 'requeue is for entries that are dead or held'],
  [['migrate', 'now'], 'migrate takes no words'],
  [['list', '--tls-ca', '/nowhere/ca.pem'], '--tls-ca cannot be read: ENOENT'],
]

test.serial('a wrong command line is refused with exit code 2, before anything is opened', async (t) => {
  for (const [args, message] of mistakes) {
    const { code, out, err } = await run(...args, '--db', 'memory:')
    t.deepEqual([code, out, err], [2, '', `kafka-error-retry: ${message}\n`], args.join(' '))
  }
  const { code, err } = await run('list')
  t.deepEqual([code, err], [2, 'kafka-error-retry: which database? Give --db URL, or set KAFKA_ERROR_RETRY_DB\n'])
})

test.serial('a wrong address is refused with its code and not repeated', async (t) => {
  for (const url of ['root:CANARY@db/x', 'mysql://root:CANARY@db:port/x', 'oracle://root:CANARY@db/x']) {
    const { code, out, err } = await run('list', '--db', url)
    t.deepEqual([code, out], [2, ''])
    t.regex(err, /^kafka-error-retry: KER_CONFIG: kafka-error-retry: options\.db must be an object, or a URL such as/)
    t.false(err.includes('CANARY'))
  }
})

for (const [kind, variable] of [
  ['mysql', 'KER_TEST_MYSQL_URL'],
  ['postgres', 'KER_TEST_POSTGRES_URL'],
] as const) {
  const server = service(variable)
  const on = server === undefined ? test.serial.skip : test.serial

  on(`${kind}: a refused login is KER_STORE_AUTH, the password is not printed, a stack only with DEBUG`, async (t) => {
    const url = `${server?.replace(/\/\/.*@/, '//nobody:CANARY@')}/any`
    const plain = await finished(start(['list'], { KAFKA_ERROR_RETRY_DB: url }))
    t.deepEqual([plain.code, plain.out], [1, ''])
    t.regex(plain.err, /^kafka-error-retry: KER_STORE_AUTH: .*\n {2}cause: .*\n$/)
    const debug = await finished(start(['list', '--db', url], { DEBUG: '1' }))
    t.true(debug.err.startsWith(plain.err))
    t.regex(debug.err, /\n {4}at /)
    t.false(`${plain.err}${debug.err}`.includes('CANARY'))
  })
}

test.serial('an interrupt ends it at once with 130, also while the database does not answer', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const child = start(['list', '--db', `mysql://root:CANARY@127.0.0.1:${port}/x`])
  const ended = finished(child)
  const [socket] = (await once(server, 'connection')) as [{ destroy(): void }]
  child.kill('SIGINT')
  const { code, out, err } = await ended
  socket.destroy()
  t.deepEqual([code, out], [130, ''])
  t.is(err, 'kafka-error-retry: interrupted; what was done until now stays done\n')
})

test.serial('a reader that has enough is no failure', async (t) => {
  const env = { ...process.env, KAFKA_ERROR_RETRY_DB: ledger.url, BIN: program, NODE: process.execPath }
  const pipeline = '"$NODE" "$BIN" list --all --namespace many --json | head -n 1; echo "${PIPESTATUS[0]}"'
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', pipeline], { env })
  const [line = '', code] = stdout.split('\n')
  t.is((JSON.parse(line) as { dataId: string }).dataId, '0')
  t.deepEqual([code, stderr], ['0', ''])
})

test.serial('list goes through all pages with --all, and through as many as --limit needs', async (t) => {
  const all = await ledger.run('list', '--all', '--namespace', 'many')
  t.deepEqual([all.lines.length, all.err], [121, ''])
  t.is(all.lines.filter((line) => line.startsWith('ID')).length, 1, 'the titles come once')
  const some = await ledger.run('list', '--limit', '110', '--json', '--namespace', 'many')
  t.is(some.lines.length, 110)
  const { cursor } = JSON.parse(some.err) as { cursor: string }
  t.is((await ledger.run('list', '--json', '--namespace', 'many', '--cursor', cursor)).lines.length, 10)
})

// `script` of util-linux gives a program a terminal.
const onTerminal = process.platform === 'linux' ? test.serial : test.serial.skip

/** Runs the command in a terminal; types `answer` when it asks. */
async function inTerminal(args: string, answer: string, variables: NodeJS.ProcessEnv = {}): Promise<[number, string]> {
  // Nothing else is inherited: many variables, such as CI, have a say in colours.
  const env = { PATH: process.env['PATH'], TERM: 'xterm', KAFKA_ERROR_RETRY_DB: ledger.url, ...variables }
  const child = spawn('script', ['-qec', `"${process.execPath}" "${program}" ${args}`, '/dev/null'], { env })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    if (text.includes('[y/N]')) child.stdin.write(answer)
  })
  const [code] = (await once(child, 'close')) as [number]
  return [code, out.replaceAll('\r\n', '\n')]
}

onTerminal('on a terminal a filter asks, and only yes does it', async (t) => {
  await ledger.fill('asked', [{ dataId: '1' }, { dataId: '2' }])
  const asks = 'purge 2 entries: topic orders? [y/N] '
  for (const answer of ['n\n', '\n', 'yessir\n', '\u0004']) {
    const [code, out] = await inTerminal('purge --topic orders --namespace asked', answer)
    t.is(code, 1)
    t.true(out.startsWith(asks), out)
    t.true(out.endsWith('kafka-error-retry: nothing was done\n'), out)
  }
  const [interrupted, said] = await inTerminal('purge --topic orders --namespace asked', '\u0003')
  t.is(interrupted, 130)
  t.true(said.endsWith('interrupted; what was done until now stays done\n'), said)
  t.is((await ledger.stored('asked')).length, 2)
  const [code, out] = await inTerminal('purge --topic orders --namespace asked', 'y\n')
  t.is(code, 0)
  t.true(out.endsWith('purged 2 entries\n'), out)
  t.is((await ledger.stored('asked')).length, 0)
})

onTerminal('states have colours on a terminal, unless NO_COLOR is set', async (t) => {
  const [, colored] = await inTerminal('list', '')
  t.true(colored.includes('\u001B[31mdead\u001B[0m'), colored)
  const [, plain] = await inTerminal('list', '', { NO_COLOR: '1' })
  t.false(plain.includes('\u001B'), plain)
  const bare = ['2', '31', '0'].reduce((text, code) => text.replaceAll(`\u001B[${code}m`, ''), colored)
  t.is(plain, bare, 'and both are aligned alike')
})

test.serial('text is as wide as a terminal draws it, and is cut between characters', (t) => {
  t.is(width('abc'), 3)
  t.is(width('订单'), 4)
  t.is(width('e\u0301'), 1)
  t.is(width('👍🏽'), 2)
  t.is(fitted('abcdef', 6), 'abcdef')
  t.is(fitted('abcdefg', 6), 'abcde…')
  t.is(fitted('订单订单', 6), '订单…')
  t.is(fitted('订单订', 6), '订单订')
  t.is(fitted('x'.repeat(10_000_000), 4), 'xxx…')
  t.is(visible('a\u001B[2J\u0007\u202Eb\u2028'), String.raw`a\x1b[2J\x07\u{202e}b\u{2028}`)
  t.is(visible('a\n\tb\r', 'lines'), 'a\n\tb\\x0d')
})

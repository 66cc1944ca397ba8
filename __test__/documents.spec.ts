/**
 * What a document repeats from the code, compared with the code.
 */
import test from 'ava'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { errorCodes, errorOf } from '../dist/errors.js'
import { reasons } from '../dist/filter.js'
import { handlerEventNames } from '../dist/handler-events.js'

const read = (file: string) => readFileSync(path.join(process.cwd(), file), 'utf8')
const readme = read('README.md')

function filesOf(folder: string, ending: string): string[] {
  const names = readdirSync(path.join(process.cwd(), folder), { recursive: true }) as string[]
  return names.filter((name) => name.endsWith(ending)).map((name) => path.join(folder, name))
}

const documents = [
  ...readdirSync(process.cwd()).filter((name) => name.endsWith('.md')),
  ...filesOf('docs', '.md'),
].toSorted()

/** The cells of the table rows whose first cell is one or more names in code. */
function rowsOf(text: string): Map<string, string[]> {
  const rows = new Map<string, string[]>()
  for (const line of text.split('\n').filter((line) => line.startsWith('| `'))) {
    const cells = line.split('|').map((cell) => cell.trim())
    for (const [, name] of (cells[1] ?? '').matchAll(/`([^`]+)`/g)) rows.set(name ?? '', cells.slice(2))
  }
  return rows
}

/** The members of an interface, as the source has them. */
function membersOf(file: string, name: string): string[] {
  const body = new RegExp(`interface ${name} (?:extends \\w+ )?\\{\\n([\\s\\S]*?)\\n\\}`).exec(read(file))?.[1] ?? ''
  return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, member]) => member ?? '')
}

function words(name: string): string[] {
  const body = new RegExp(`\\n {4}${name} \\{([\\s\\S]*?)\\n {4}\\}`).exec(read('src/domain/entry.rs'))?.[1] ?? ''
  return [...body.matchAll(/= "([^"]+)"/g)].map(([, word]) => word ?? '')
}

const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

test('the README has a row for every option and none for others', (t) => {
  const under = (prefix: string, file: string, name: string) => membersOf(file, name).map((one) => `${prefix}${one}`)
  const options = 'ts/handler-options.ts'
  const all = [
    ...membersOf(options, 'HandlerOptions').flatMap((one) => (one === 'retention' ? ['retention.dead'] : [one])),
    ...under('db.', options, 'DatabaseOptions'),
    ...under('db.tls.', options, 'TlsOptions'),
    ...under('kafka.', options, 'KafkaOptions'),
    ...under('kafka.ssl.', options, 'TlsOptions'),
    ...under('kafka.ssl.', options, 'KafkaTlsOptions'),
    ...under('kafka.sasl.', options, 'SaslOptions'),
    ...under('policy.', 'ts/policy.ts', 'RetryPolicy'),
  ].filter((name) => name !== 'policy' && name !== 'kafka.sasl')
  t.true(all.length > 60)
  const section = readme.slice(readme.indexOf('\n## Options'), readme.indexOf('\n## Calls'))
  t.deepEqual([...rowsOf(section).keys()].toSorted(), all.toSorted())
})

test('the README has every error code, and says which are retriable', (t) => {
  const section = readme.slice(readme.indexOf('\n## Errors'), readme.indexOf('\n## What is promised'))
  const rows = rowsOf(section)
  t.deepEqual([...rows.keys()], [...errorCodes])
  for (const [code, cells] of rows) t.is(cells[0], errorOf(code, '').retriable ? 'yes' : 'no', code)
})

test('the README has every event and every header of a copy', (t) => {
  const events = readme.slice(readme.indexOf('\n## Events'), readme.indexOf('\n### Warnings'))
  t.deepEqual([...rowsOf(events).keys()], [...handlerEventNames])
  const headers = [...read('src/domain/copy.rs').matchAll(/: &str = "(x-ker-\w+)";/g)].map(([, name]) => name ?? '')
  const section = readme.slice(readme.indexOf('\n### Headers of a copy'), readme.indexOf('\n## Options'))
  t.true(headers.length > 0)
  t.deepEqual([...rowsOf(section).keys()], headers)
})

test('the README has every code of a warning', (t) => {
  const rust = filesOf('src', '.rs').map(read).join('\n')
  const script = filesOf('ts', '.ts').map(read).join('\n')
  const codes = [
    ...rust.matchAll(/Event::warning\(\s*"(\w+)"/g),
    ...script.matchAll(/#warn\('(\w+)'|\bcode: '(\w+)', message:/g),
  ].map(([, code, other]) => code ?? other ?? '')
  t.true(codes.length > 10)
  const section = readme.slice(readme.indexOf('\n### Warnings'), readme.indexOf('\n## Errors'))
  t.deepEqual([...rowsOf(section).keys()].toSorted(), [...new Set(codes)].toSorted())
})

test('the state machine has every state and every reason, and so has the filter of entries', (t) => {
  t.deepEqual(reasons, words('Reason'))
  const rows = rowsOf(read('docs/state-machine.md'))
  for (const name of ['State', 'Reason']) {
    t.true(words(name).length >= 5)
    for (const word of words(name)) t.true(rows.has(word), word)
  }
  t.deepEqual([...rows.keys()].toSorted(), [...words('State'), ...words('Reason')].toSorted())
})

test('every test that docs/FEATURES.md names exists', (t) => {
  const sources = [
    ...filesOf('tests', '.rs'),
    ...filesOf('src', '.rs'),
    ...filesOf('__test__', '.ts'),
    ...filesOf('__test__', '.mjs'),
  ]
    .map(read)
    .join('\n')
  const named = [...read('docs/FEATURES.md').matchAll(/“([^”]+)”|\bfn `(\w+)`/g)]
  t.true(named.length > 50)
  // `…` in a title stands for what a template fills in.
  const isThere = (title: string) => new RegExp(title.split('…').map(literal).join('.*')).test(sources)
  const missing = named.filter(([, title, name]) => !isThere(title ?? `fn ${name}(`))
  t.deepEqual(
    missing.map(([name]) => name),
    [],
  )
})

test('every link between documents leads to a file', (t) => {
  for (const document of documents) {
    for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      t.true(existsSync(path.join(process.cwd(), path.dirname(document), target)), `${document}: ${target}`)
    }
  }
})

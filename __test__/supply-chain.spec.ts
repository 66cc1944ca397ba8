// What comes in by dependencies, what goes out by a release, and who may do it.
import test from 'ava'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const root = process.cwd()
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

/** The packages of Cargo.lock, as its fields. */
const crates = read('Cargo.lock')
  .split('[[package]]\n')
  .slice(1)
  .map((text) => Object.fromEntries([...text.matchAll(/^(\w+) = "([^"]*)"$/gm)].map(([, key, value]) => [key, value])))

test('every crate is named by its checksum and comes from the registry', (t) => {
  t.true(crates.length > 100)
  for (const { name, source, checksum } of crates) {
    if (name === 'kafka-error-retry') continue
    t.true(source?.startsWith('registry+'), name)
    t.regex(checksum ?? '', /^[0-9a-f]{64}$/, name)
  }
})

interface Locked {
  integrity?: string
  hasInstallScript?: boolean
  optional?: boolean
  dev?: boolean
}

test('every npm package is one for development, named by its checksum, and none runs a script of its own', (t) => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
  const all = Object.entries(packages).filter(([name]) => name !== '')
  t.true(all.length > 100)
  for (const [name, { integrity, hasInstallScript, optional, dev }] of all) {
    // Variants for other systems are written by hand where a registry does not have them; those are never installed.
    if (integrity === undefined) t.true(optional, name)
    else t.regex(integrity, /^sha512-/, name)
    t.not(hasInstallScript, true, name)
    t.true(dev, name)
  }
})

test('lock files and rules are in the repository', (t) => {
  const files = ['Cargo.lock', 'package-lock.json', 'deny.toml']
  for (const file of files) t.true(existsSync(path.join(root, file)), file)
  if (!existsSync(path.join(root, '.git'))) return t.log('not a repository')
  t.notThrows(() => execFileSync('git', ['ls-files', '--error-unmatch', ...files], { cwd: root, stdio: 'ignore' }))
  return undefined
})

test('all nine packages are published with provenance', (t) => {
  const folders = ['.', ...readdirSync(path.join(root, 'npm')).map((name) => `npm/${name}`)]
  t.is(folders.length, 9)
  for (const folder of folders) {
    const { publishConfig } = JSON.parse(read(`${folder}/package.json`)) as { publishConfig: object }
    t.deepEqual(publishConfig, { access: 'public', provenance: true }, folder)
  }
})

test('workflows may read and nothing else, but for the one job that publishes, without a stored secret', (t) => {
  const workflows = readdirSync(path.join(root, '.github/workflows'))
  t.deepEqual(workflows.toSorted(), ['ci.yml', 'release.yml'])
  for (const name of workflows) {
    const text = read(`.github/workflows/${name}`)
    t.regex(text, /^permissions: \{ contents: read \}$/m, name)
    t.notRegex(text, /secrets\.|pull_request_target|write-all/, name)
    // What a stranger can name (branches, titles) is never put into a script.
    t.notRegex(text, /run:.*\$\{\{ *github\.(event|head_ref)/, name)
    const writing = [...text.matchAll(/\w[\w-]*: write/g)].map(([right]) => right)
    t.deepEqual(writing, name === 'release.yml' ? ['id-token: write'] : [], name)
  }
  const publishing =
    read('.github/workflows/release.yml')
      .split(/^ {2}(?=\w+:$)/m)
      .at(-1) ?? ''
  t.true(publishing.startsWith('gate:') && publishing.includes('id-token: write'))
  t.true(publishing.includes('npm ci --ignore-scripts'))
})

test('docs/SECURITY.md names what is linked into a binary, in the version that is', (t) => {
  const section =
    read('docs/SECURITY.md')
      .split('\n## ')
      .find((text) => text.startsWith('What is linked in')) ?? ''
  const rows = [...section.matchAll(/^\| ([^|]+?) +\| `([\w-]+)` +\| ([^|]+?) +\|/gm)]
  const locked = new Map(crates.map(({ name = '', version = '' }) => [name, version]))
  t.deepEqual(rows.map(([, , crate = '']) => crate).toSorted(), [
    'curl-sys',
    'libsqlite3-sys',
    'libz-sys',
    'openssl-src',
    'rdkafka-sys',
    'ring',
    'rustls',
    'webpki-roots',
    'zstd-sys',
  ])
  for (const [, , crate = '', version] of rows) t.is(version, locked.get(crate), crate)
  // Most crates say in their own version which one they bring.
  for (const [, library = '', , version = ''] of rows) {
    const brought = /\+(?:[a-z]+[.-])?(.+)$/.exec(version)?.[1]
    if (brought !== undefined) t.true(library.endsWith(` ${brought}`), library)
  }
})

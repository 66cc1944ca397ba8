import test from 'ava'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { loadFailure, wasRun } from '../dist/binary'

interface Manifest {
  name: string
  version: string
  engines: { node: string }
  bin: Record<string, string>
  exports: Record<string, string | Record<string, string | Record<string, string>>>
  napi: { targets: string[] }
  scripts: Record<string, string>
  files: string[]
  typesVersions?: Record<string, Record<string, string[]>>
  dependencies?: object
  optionalDependencies?: object
}

interface PlatformManifest {
  name: string
  version: string
  main: string
  files: string[]
  engines: { node: string }
  os: string[]
  cpu: string[]
  libc?: string[]
}

const read = (file: string) => readFileSync(path.join(process.cwd(), file), 'utf8')
const manifest = JSON.parse(read('package.json')) as Manifest

const platforms = [
  { name: 'darwin-arm64', triple: 'aarch64-apple-darwin', os: 'darwin', arch: 'arm64' },
  { name: 'darwin-x64', triple: 'x86_64-apple-darwin', os: 'darwin', arch: 'x64' },
  { name: 'linux-arm64-gnu', triple: 'aarch64-unknown-linux-gnu', os: 'linux', arch: 'arm64', libc: 'gnu' },
  { name: 'linux-arm64-musl', triple: 'aarch64-unknown-linux-musl', os: 'linux', arch: 'arm64', libc: 'musl' },
  { name: 'linux-x64-gnu', triple: 'x86_64-unknown-linux-gnu', os: 'linux', arch: 'x64', libc: 'gnu' },
  { name: 'linux-x64-musl', triple: 'x86_64-unknown-linux-musl', os: 'linux', arch: 'x64', libc: 'musl' },
  { name: 'win32-arm64-msvc', triple: 'aarch64-pc-windows-msvc', os: 'win32', arch: 'arm64' },
  { name: 'win32-x64-msvc', triple: 'x86_64-pc-windows-msvc', os: 'win32', arch: 'x64' },
] as const

test('there is one folder under npm/ for each target, and nothing else', (t) => {
  t.deepEqual(readdirSync(path.join(process.cwd(), 'npm')).sort(), platforms.map(({ name }) => name).sort())
  t.deepEqual(manifest.napi.targets.toSorted(), platforms.map(({ triple }) => triple).sort())
})

for (const platform of platforms) {
  const { name, os, arch } = platform
  const libc = 'libc' in platform ? platform.libc : undefined

  test(`${name}: npm takes it on its platform only, in the version of the root`, (t) => {
    const own = JSON.parse(read(`npm/${name}/package.json`)) as PlatformManifest
    t.like(own, {
      name: `@kafka-error-retry/binding-${name}`,
      version: manifest.version,
      main: `kafka-error-retry.${name}.node`,
      files: [`kafka-error-retry.${name}.node`, 'THIRD_PARTY_LICENSES'],
      engines: manifest.engines,
      os: [os],
      cpu: [arch],
    })
    t.deepEqual(own.libc, libc && [libc === 'gnu' ? 'glibc' : libc])
    t.false('scripts' in own)
  })

  test(`${name}: readme and loader agree whether anybody has run it`, (t) => {
    const missing = new Error('no', { cause: new Error("Cannot find module './any.node'") })
    const { message } = loadFailure(missing, { os, arch, libc })
    t.true(message.includes(`@kafka-error-retry/binding-${name}`), message)
    t.is(message.includes('Nobody has run'), !wasRun(name))
    t.is(read(`npm/${name}/README.md`).includes('Nobody has run'), !wasRun(name))
  })
}

test('every path of exports exists, types come first, and every subpath is there for the old resolution too', (t) => {
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    const conditions = flatten(target)
    for (const { file, names } of conditions) {
      t.true(existsSync(path.join(process.cwd(), file)), file)
      t.true(names.indexOf('types') <= 0, `${subpath}: ${names.join(', ')}`)
    }
    if (subpath === '.' || subpath === './package.json') continue
    const types = manifest.typesVersions?.['*']?.[subpath.slice(2)] ?? []
    t.true(types.length > 0, `typesVersions has no ${subpath}`)
    for (const file of types) t.true(existsSync(path.join(process.cwd(), file)), file)
  }
})

/** The files of a target in `exports`, each with the names of the conditions beside it. */
function flatten(
  target: string | Record<string, string | Record<string, string>>,
): { file: string; names: string[] }[] {
  if (typeof target === 'string') return [{ file: target, names: [] }]
  const names = Object.keys(target)
  return Object.values(target).flatMap((inner) =>
    typeof inner === 'string' ? [{ file: inner, names }] : flatten(inner),
  )
}

test('the command is a program in what is packed, and has no path of its own in exports', (t) => {
  t.deepEqual(manifest.bin, { 'kafka-error-retry': 'dist/cli/index.js' })
  t.true(read('dist/cli/index.js').startsWith('#!/usr/bin/env node\n'))
  t.true(manifest.files.includes('dist'))
  t.deepEqual(Object.keys(manifest.exports), ['.', './package.json'])
})

test('it needs Node 20.19 and no other package, and runs nothing when it is installed', (t) => {
  t.is(manifest.engines.node, '>=20.19')
  t.is(manifest.dependencies, undefined)
  // Written into package.json while publishing: before the first release no registry has them.
  t.is(manifest.optionalDependencies, undefined)
  const ran = ['preinstall', 'install', 'postinstall', 'prepare', 'prepack', 'postpack'].filter(
    (name) => name in manifest.scripts,
  )
  t.deepEqual(ran, [])
})

test('npm run build builds for this machine only, although npm runs prebuild before it', (t) => {
  t.is(execFileSync(process.execPath, ['scripts/prebuild.mjs'], { encoding: 'utf8' }), '')
})

test('what is packed is the compiled face, the generated loader and nothing else', (t) => {
  const compiled = readdirSync(path.join(process.cwd(), 'ts'), { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /\.m?ts$/.test(file))
    .flatMap((file) => {
      const [, name, module] = /^(.*)\.(m?)ts$/.exec(file) ?? []
      return [`dist/${name}.${module}js`, `dist/${name}.d.${module}ts`]
    })
  const documents = readdirSync(process.cwd()).filter((file) => /^(LICENSE|README.*\.md|CHANGELOG\.md)$/.test(file))
  const entries = ['index.js', 'index.d.ts', 'native.js', 'native.d.ts', 'package.json']
  const output = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [packed] = JSON.parse(output) as { files: { path: string }[] }[]
  const files = packed?.files.map((file) => file.path) ?? []
  // Too many: dist/ has what its source has not any more (remove dist/). Too few: npm run build.
  t.deepEqual(files.sort(), [...compiled, ...documents, ...entries].sort())
})

test('npm ci finds every package that it insists on, and no address, in the lock file', (t) => {
  const output = execFileSync(process.execPath, ['scripts/complete-lock.mjs', '--check'], { encoding: 'utf8' })
  t.is(output, '')
  t.false(read('package-lock.json').includes('"resolved"'))
})

// Usage: npm run licenses
// Writes THIRD_PARTY_LICENSES, and a copy of it and of LICENSE into every folder under npm/: what is linked into a
// binary travels with its licence. Fails when a crate or a bundled C library comes without one.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { pathWithCargo } from './services/programs.mjs'
import { manifest, root as rootUrl, targets } from './targets.mjs'

const root = fileURLToPath(rootUrl)

/** C libraries that crates bring along, and where their licence is. Some crates are needed only while building. */
const bundled = [
  { library: 'librdkafka', crate: 'rdkafka-sys', file: 'librdkafka/LICENSES.txt' },
  { library: 'OpenSSL', crate: 'openssl-src', file: 'openssl/LICENSE.txt' },
  { library: 'curl', crate: 'curl-sys', file: 'curl/COPYING' },
  { library: 'zlib', crate: 'libz-sys', file: 'src/zlib/LICENSE' },
  { library: 'Zstandard', crate: 'zstd-sys', file: 'zstd/LICENSE' },
  { library: 'SQLite (public domain)', crate: 'libsqlite3-sys' },
]

/** Crates whose package forgot the text of its licence, which is the usual one of that name. */
const usual = { MIT: 'MIT License, without a text of its own: see the terms in LICENSE of this package.\n' }

function cargoMetadata() {
  const platforms = targets.flatMap(({ triple }) => ['--filter-platform', triple])
  const args = ['metadata', '--format-version', '1', '--locked', ...platforms]
  const env = { ...process.env, PATH: pathWithCargo() }
  return JSON.parse(execFileSync('cargo', args, { cwd: root, env, maxBuffer: 1 << 28, encoding: 'utf8' }))
}

/** What ends up in a binary: reached by normal dependencies alone, and no procedural macro. */
function linkedCrates({ packages, resolve }) {
  const byId = new Map(packages.map((one) => [one.id, one]))
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]))
  const linked = new Set()
  const open = [resolve.root]
  while (open.length > 0) {
    const id = open.pop()
    if (linked.has(id) || isMacro(byId.get(id))) continue
    linked.add(id)
    const normal = nodes.get(id).deps.filter(({ dep_kinds: kinds }) => kinds.some(({ kind }) => kind === null))
    open.push(...normal.map(({ pkg }) => pkg))
  }
  linked.delete(resolve.root)
  return [...linked].map((id) => byId.get(id)).sort((one, other) => one.name.localeCompare(other.name, 'en'))
}

function isMacro({ targets: kinds }) {
  return kinds.some(({ kind }) => kind.includes('proc-macro'))
}

function textsOf({ name, version, license, manifest_path: manifestPath }) {
  const folder = path.dirname(manifestPath)
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice|unlicense)/i.test(file))
  const texts = files.sort().flatMap((file) => readText(path.join(folder, file)))
  if (texts.length > 0) return texts
  if (!license) throw new Error(`${name} ${version} has no licence`)
  return [license.split(/ OR | AND |\//).includes('MIT') ? usual.MIT : `${license}\n`]
}

function readText(file) {
  try {
    return [readFileSync(file, 'utf8').replaceAll('\r\n', '\n').trim()]
  } catch (error) {
    if (error.code === 'EISDIR')
      return readdirSync(file)
        .sort()
        .flatMap((name) => readText(path.join(file, name)))
    throw error
  }
}

function bundledText(packages, { library, crate, file }) {
  const home = packages.find(({ name }) => name === crate)
  if (!home) throw new Error(`${crate}, which brings ${library}, is no dependency any more`)
  const at = file && path.join(path.dirname(home.manifest_path), file)
  if (at && !existsSync(at)) throw new Error(`${library}: ${crate} ${home.version} has no ${file}`)
  return { title: `${library}, bundled by ${crate} ${home.version}`, text: at ? readText(at)[0] : 'Public domain.' }
}

function main() {
  const metadata = cargoMetadata()
  const titlesByText = new Map()
  const add = (title, text) => titlesByText.set(text, [...(titlesByText.get(text) ?? []), title])
  for (const one of bundled) {
    const { title, text } = bundledText(metadata.packages, one)
    add(title, text)
  }
  const crates = linkedCrates(metadata)
  for (const one of crates) {
    for (const text of new Set(textsOf(one))) add(`${one.name} ${one.version} (${one.license})`, text)
  }
  const rule = '-'.repeat(80)
  const parts = [...titlesByText].map(([text, titles]) => `${rule}\n${titles.join('\n')}\n${rule}\n\n${text}\n`)
  const head = `The binaries of ${manifest.name} contain the following.\n`
  writeFileSync(path.join(root, 'THIRD_PARTY_LICENSES'), [head, ...parts].join('\n'))
  for (const { name } of targets) {
    for (const file of ['LICENSE', 'THIRD_PARTY_LICENSES']) {
      copyFileSync(path.join(root, file), path.join(root, 'npm', name, file))
    }
  }
  process.stdout.write(`THIRD_PARTY_LICENSES: ${crates.length} crates, ${bundled.length} C libraries\n`)
}

main()

// Usage: npm run check-release [-- TARGET...]
// The gate before anything is published: every package of a platform has exactly one binary, the right one, of this
// version. Nothing else looks: the CLI goes on when a binary is missing, and an empty package installs without a word.
// With targets, only their packages are checked.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { binaryFacts, isNewer } from './binary-facts.mjs'
import { describe, glibcFloor, manifest, root as rootUrl, targets } from './targets.mjs'

/** What a binary may need from the system: the C library in its parts. Everything else is linked in. */
const systemLibraries = {
  glibc: /^(lib(c|m|dl|rt|pthread|gcc_s)\.so\.\d|ld-linux.*\.so\.\d)$/,
  musl: /^libc\.so$/,
}

/** What is wrong with the bytes of a binary. */
export function problemsOfBinary(target, bytes, version) {
  const say = (text) => `${target.binary}: ${text}`
  let facts
  try {
    facts = binaryFacts(bytes)
  } catch (error) {
    return [say(error.message)]
  }
  const problems = []
  // src/binding/mod.rs puts it there.
  if (!bytes.includes(`[${manifest.name} ${version}]`)) problems.push(say(`is not of version ${version}`))
  if (facts.format !== target.format) problems.push(say(`is ${facts.format}, not ${target.format}`))
  if (facts.cpu !== target.cpu) problems.push(say(`is for ${facts.cpu}, not ${target.cpu}`))
  if (facts.format !== 'elf' || target.format !== 'elf') return problems
  const foreign = facts.needed.filter((library) => !systemLibraries[target.libc].test(library))
  if (foreign.length > 0) problems.push(say(`needs ${foreign.join(', ')}`))
  if (facts.glibc !== undefined && isNewer(facts.glibc, glibcFloor)) {
    problems.push(say(`needs glibc ${facts.glibc}, and the floor is ${glibcFloor}`))
  }
  if (!facts.stays) problems.push(say('can be unloaded under its running threads (-z nodelete)'))
  return problems
}

/** What is wrong with the folder of a platform's package. */
export function problemsOfPackage(folder, target, version) {
  const say = (text) => `npm/${target.name}: ${text}`
  if (!existsSync(path.join(folder, 'package.json'))) return [say('has no package.json')]
  const own = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const expected = {
    name: target.packageName,
    version,
    main: target.binary,
    os: [target.os],
    cpu: [target.cpu],
    libc: target.libc && [target.libc],
  }
  const problems = Object.entries(expected)
    .filter(([key, value]) => JSON.stringify(own[key]) !== JSON.stringify(value))
    .map(([key, value]) => say(`${key} is ${JSON.stringify(own[key])}, not ${JSON.stringify(value)}`))
  const files = readdirSync(folder)
  const binaries = files.filter((file) => /\.(node|so|dylib|dll|wasm)$/.test(file))
  if (binaries.length !== 1 || binaries[0] !== target.binary) {
    problems.push(say(`has ${binaries.join(', ') || 'no binary'} and should have ${target.binary} alone`))
  }
  for (const file of new Set([...(own.files ?? []), 'LICENSE', 'THIRD_PARTY_LICENSES'])) {
    if (file !== target.binary && !files.includes(file)) problems.push(say(`${file} is missing`))
  }
  if (!own.files?.includes(target.binary)) problems.push(say(`files does not name ${target.binary}`))
  if (binaries.includes(target.binary)) {
    problems.push(...problemsOfBinary(target, readFileSync(path.join(folder, target.binary)), version))
  }
  return problems
}

/** What is wrong with the root package and with the folders under npm/ as a whole. */
export function problemsOfRoot(root, tag) {
  const read = (file) => (existsSync(path.join(root, file)) ? readFileSync(path.join(root, file), 'utf8') : '')
  const problems = []
  const { version } = manifest
  const [, crate] = /^version = "(.+)"$/m.exec(read('Cargo.toml')) ?? []
  if (crate !== version) problems.push(`Cargo.toml is at ${crate}, package.json at ${version}`)
  if (tag && tag !== `v${version}`) problems.push(`the tag is ${tag}, the version ${version}`)
  for (const file of ['index.js', 'index.d.ts', 'dist/index.js', 'dist/index.mjs', 'dist/index.d.mts', 'native.js']) {
    if (!read(file)) problems.push(`${file} is missing: npm run build`)
  }
  for (const { packageName } of targets) {
    const asked = `require('${packageName}')`
    if (!read('native.js').includes(asked)) problems.push(`native.js has no ${asked}`)
    const range = manifest.optionalDependencies?.[packageName]
    if (range && range !== version)
      problems.push(`optionalDependencies asks for ${packageName} ${range}, not ${version}`)
  }
  // The loader compares versions with the one it was made for.
  if (read('native.js') && !read('native.js').includes(`'${version}'`)) problems.push('native.js is of another version')
  const strangers = readdirSync(path.join(root, 'npm')).filter(
    (name) => !targets.some((target) => target.name === name),
  )
  if (strangers.length > 0) problems.push(`npm/ has folders of no target: ${strangers.join(', ')}`)
  return problems
}

function main(triples) {
  const root = fileURLToPath(rootUrl)
  const chosen = triples.length > 0 ? triples.map(describe) : targets
  const tag = process.env.GITHUB_REF_TYPE === 'tag' ? process.env.GITHUB_REF_NAME : undefined
  const problems = [
    ...problemsOfRoot(root, tag),
    ...chosen.flatMap((target) => problemsOfPackage(path.join(root, 'npm', target.name), target, manifest.version)),
  ]
  for (const problem of problems) process.stdout.write(`${problem}\n`)
  process.stdout.write(`release ${manifest.version}: ${chosen.length} packages, ${problems.length} problems\n`)
  process.exitCode = problems.length > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2))

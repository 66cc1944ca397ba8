// Usage: npm run complete-lock [-- --check]
// After every change of a dependency: adds to package-lock.json what `npm ci` insists on and `npm install` left out.
//
// A native package has one optional dependency for each platform, and `npm ci` refuses a lock file that lacks one of
// them, installed or not. `npm install` writes only those that its registry knows; a mirror that carries just its own
// platform gives a lock file that works nowhere. Such an entry needs no more than the version and the platform: npm
// skips what is for another one before it asks for the package.
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = [
  ['arm64', /(^|-)arm64(-|$)/],
  ['arm', /(^|-)arm(v7)?(-|$)/],
  ...['ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'].map((cpu) => [
    cpu,
    new RegExp(`(^|-)${cpu}(-|$)`),
  ]),
]

/** `{ os, cpu, libc }` as npm would read them from the package's own manifest, by the name of the package. */
export function platformOf(name) {
  const cpu = processors.find(([, pattern]) => pattern.test(name))?.[0]
  const os = systems.find((system) => name.split(/[-/]/).includes(system))
  if (cpu === undefined || (os === undefined && cpu !== 'wasm32')) throw new Error(`${name}: for which platform?`)
  const libc = os !== 'linux' ? undefined : /musl/.test(name) ? 'musl' : /gnu/.test(name) ? 'glibc' : undefined
  return { cpu: [cpu], ...(libc && { libc: [libc] }), ...(os && { os: [os] }) }
}

/** The entries that `packages` of a lock file lacks, by path. */
export function missingEntries(packages) {
  const missing = {}
  for (const [path, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isResolved(packages, path, name)) continue
      if (!/^\d+\.\d+\.\d+(-\S+)?$/.test(version)) throw new Error(`${path}: ${name}@${version} is not one version`)
      const { cpu, ...system } = platformOf(name)
      missing[`node_modules/${name}`] = inOrder({ cpu, ...(dev && { dev }), ...system, optional: true }, version)
    }
  }
  return missing
}

/** The keys as npm sorts them, so that its next write changes nothing. */
function inOrder(entry, version) {
  return { version, ...Object.fromEntries(Object.entries(entry).sort(([one], [other]) => one.localeCompare(other))) }
}

/** As Node looks for it: beside the package, then beside each of those that contain it. */
function isResolved(packages, path, name) {
  const folders = path.split(/(?:^|\/)node_modules\//).slice(1)
  for (let depth = folders.length; depth >= 0; depth--) {
    const parent = folders
      .slice(0, depth)
      .map((folder) => `node_modules/${folder}/`)
      .join('')
    if (packages[`${parent}node_modules/${name}`]) return true
  }
  return false
}

function main(file, check) {
  const lock = JSON.parse(readFileSync(file, 'utf8'))
  const missing = Object.keys(missingEntries(lock.packages))
  if (check) {
    for (const path of missing) process.stdout.write(`missing in package-lock.json: ${path}\n`)
    process.exitCode = missing.length > 0 ? 1 : 0
    return
  }
  const entries = Object.entries({ ...lock.packages, ...missingEntries(lock.packages) })
  lock.packages = Object.fromEntries(entries.sort(([one], [other]) => one.localeCompare(other, 'en')))
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
  process.stdout.write(`package-lock.json: ${missing.length} entries added\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(fileURLToPath(new URL('../package-lock.json', import.meta.url)), process.argv.includes('--check'))
}

// Usage: node scripts/services/install.mjs [--install]
// Says which programs the tests need and do not find, and the one command that installs them.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { kafkaJarsArePresent } from './kafka-jars.mjs'
import { findProgram, javaVersion } from './programs.mjs'

const sayOnStandardError = (text) => process.stderr.write(`${text}\n`)
const found = (...programs) => programs.every((program) => findProgram(program))

/** What a Debian-like system needs. `service` is what cannot start without it. */
const requirements = [
  { service: 'mariadb', package: 'mariadb-server', present: () => found('mariadbd', 'mariadb-install-db', 'mariadb') },
  { service: 'postgres', package: 'postgresql', present: () => found('postgres', 'initdb', 'psql', 'pg_isready') },
  { service: 'pgbouncer', package: 'pgbouncer', present: () => found('pgbouncer') },
  { service: 'kafka', package: 'default-jre-headless', what: 'Java 17 or newer', present: () => javaVersion() >= 17 },
  { service: 'kafka', package: 'maven', present: () => kafkaJarsArePresent() || found('mvn') },
  { service: 'build', package: 'cmake', present: () => found('cmake') },
  {
    service: 'build',
    package: 'build-essential',
    what: 'C and C++ compilers and make',
    present: () => found('cc', 'c++', 'make'),
  },
  { service: 'build', package: 'perl', present: () => found('perl') },
  { service: 'the fault bench on SQLite', package: 'sqlite3', present: () => found('sqlite3') },
  { service: 'looking at topics by hand', package: 'kcat', present: () => found('kcat') },
]

export function missingRequirements({ except = [] } = {}) {
  return requirements.filter(({ service, present }) => !except.includes(service) && !present())
}

export function installCommand(missing) {
  const sudo = process.getuid() === 0 ? '' : 'sudo '
  const packages = missing.map((requirement) => requirement.package).join(' ')
  return `${sudo}apt-get update && ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages}`
}

/** Whether this process may change the machine: only when asked to, as root, and where there is apt-get. */
export function mayInstall() {
  const asked = process.env.CI === 'true' || process.argv.includes('--install')
  return asked && process.getuid() === 0 && findProgram('apt-get') !== undefined
}

/** Installs what is missing, if it may; returns what is missing then. `except`: services that nobody needs here. */
export function installMissing({ say = sayOnStandardError, except = [] } = {}) {
  const missing = missingRequirements({ except })
  if (missing.length === 0) return missing
  for (const one of missing) say(`missing: ${one.what ?? one.package} (for ${one.service})`)
  say(`the command that installs what is missing: ${installCommand(missing)}`)
  if (!mayInstall()) return missing
  // Standard error, because the output of a program that only wants the services may be read by another one.
  spawnSync('sh', ['-c', installCommand(missing)], { stdio: ['ignore', process.stderr, process.stderr] })
  return missingRequirements({ except })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = installMissing()
  if (missing.length === 0) sayOnStandardError('everything the tests need is installed')
  process.exitCode = missing.length === 0 ? 0 : 1
}

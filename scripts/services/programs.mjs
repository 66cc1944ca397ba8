import { execFileSync } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

/** Where a program may be although PATH does not say so, best place first. */
function placesBesidePath() {
  return [path.join(cargoHome(), 'bin'), '/usr/sbin', '/usr/local/sbin', ...postgresFolders()]
}

function cargoHome() {
  return process.env.CARGO_HOME || path.join(homedir(), '.cargo')
}

/** Debian keeps the server programs of every PostgreSQL version in a folder of its own; newest first. */
function postgresFolders() {
  const root = '/usr/lib/postgresql'
  try {
    const versions = readdirSync(root).sort((left, right) => Number(right) - Number(left))
    return versions.map((version) => path.join(root, version, 'bin'))
  } catch {
    return []
  }
}

/** The full path of a program, or undefined. */
export function findProgram(name) {
  for (const folder of [...(process.env.PATH ?? '').split(path.delimiter), ...placesBesidePath()]) {
    const candidate = path.join(folder, name)
    try {
      accessSync(candidate, constants.X_OK)
      return candidate
    } catch {
      // not here
    }
  }
  return undefined
}

export function requireProgram(name) {
  const found = findProgram(name)
  if (!found) throw new Error(`${name} is not installed (node scripts/services/install.mjs says how)`)
  return found
}

/**
 * PATH with cargo on it: rustup only changes the profile of login shells, and napi calls cargo by its bare name. In
 * front, as rustup would do it, because the cargo of a distribution is mostly too old.
 */
export function pathWithCargo() {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const rustup = path.join(cargoHome(), 'bin')
  return (folders.includes(rustup) ? folders : [rustup, ...folders]).join(path.delimiter)
}

/**
 * The account to run a server as: PostgreSQL and MariaDB refuse to run as root, so root becomes the account that their
 * packages made. Anybody else stays who they are.
 */
export function serverAccount(user) {
  if (process.getuid() !== 0) return {}
  const id = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** 0 when there is no Java. */
export function javaVersion() {
  const java = findProgram('java')
  if (!java) return 0
  try {
    const output = execFileSync(java, ['--version'], { encoding: 'utf8' })
    return Number(/\b(\d+)(?:[.\s]|$)/.exec(output)?.[1] ?? 0)
  } catch {
    return 0 // Java 8 does not know the option
  }
}

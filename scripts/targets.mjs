// What is built and published, read from package.json: one record for each of `napi.targets`.
import { readFileSync } from 'node:fs'

export const root = new URL('..', import.meta.url)
export const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

/** The oldest glibc that the published binaries load on (CentOS 7 and all that is younger). */
export const glibcFloor = '2.17'

const cpus = { x86_64: 'x64', aarch64: 'arm64' }
const systems = {
  'apple-darwin': { os: 'darwin', format: 'mach-o' },
  'unknown-linux-gnu': { os: 'linux', format: 'elf', abi: 'gnu', libc: 'glibc' },
  'unknown-linux-musl': { os: 'linux', format: 'elf', abi: 'musl', libc: 'musl' },
  'pc-windows-msvc': { os: 'win32', format: 'pe', abi: 'msvc' },
}

/** A Rust target in the words of npm: `name` is 'linux-x64-musl', `binary` the file that the generated loader asks for. */
export function describe(triple) {
  const [processor, ...rest] = triple.split('-')
  const system = systems[rest.join('-')]
  const cpu = cpus[processor]
  if (!system || !cpu) throw new Error(`${triple}: not a target that scripts/targets.mjs knows`)
  const name = [system.os, cpu, system.abi].filter(Boolean).join('-')
  return {
    triple,
    ...system,
    cpu,
    name,
    packageName: `${manifest.napi.packageName}-${name}`,
    binary: `${manifest.napi.binaryName}.${name}.node`,
  }
}

export const targets = manifest.napi.targets.map(describe)

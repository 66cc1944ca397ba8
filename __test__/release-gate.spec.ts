import test from 'ava'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

interface Gate {
  problemsOfPackage(folder: string, target: object, version: string): string[]
}

const script = (name: string) => pathToFileURL(path.join(process.cwd(), 'scripts', name)).href
const binary = 'kafka-error-retry.linux-x64-gnu.node'
let gate: Gate
let target: object
test.before(async () => {
  gate = (await import(script('check-release.mjs'))) as Gate
  const { describe } = (await import(script('targets.mjs'))) as { describe(triple: string): object }
  target = describe('x86_64-unknown-linux-gnu')
})

const folder = mkdtempSync(path.join(tmpdir(), 'release-gate-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

/** The smallest ELF that says what a binary says: processor, libraries, the newest glibc, and whether it stays. */
function elf({ machine = 62, needed = ['libc.so.6'], glibc = '2.17', stays = true, version = '3.0.0' } = {}): Buffer {
  const words = ['', ...needed, `GLIBC_${glibc}`, `[kafka-error-retry ${version}]`]
  const strings = Buffer.from(`${words.join('\0')}\0`)
  const offsetOf = (word: string) => strings.indexOf(`\0${word}\0`) + 1
  const dynamic = Buffer.alloc(16 * (needed.length + 2))
  needed.forEach((library, index) => {
    dynamic.writeBigInt64LE(1n, index * 16)
    dynamic.writeBigInt64LE(BigInt(offsetOf(library)), index * 16 + 8)
  })
  dynamic.writeBigInt64LE(0x6ffffffbn, needed.length * 16)
  dynamic.writeBigInt64LE(stays ? 8n : 1n, needed.length * 16 + 8)
  const versions = Buffer.alloc(32)
  versions.writeUInt32LE(16, 8)
  versions.writeUInt32LE(offsetOf(`GLIBC_${glibc}`), 16 + 8)

  const bodies = [strings, dynamic, versions]
  const kinds = [3, 6, 0x6ffffffe]
  const header = Buffer.alloc(64)
  header.write('\x7fELF\x02\x01', 'latin1')
  header.writeUInt16LE(machine, 18)
  header.writeBigUInt64LE(BigInt(64 + bodies.reduce((sum, { length }) => sum + length, 0)), 40)
  header.writeUInt16LE(64, 58)
  header.writeUInt16LE(bodies.length, 60)
  let offset = 64
  const sections = bodies.map((body, index) => {
    const section = Buffer.alloc(64)
    section.writeUInt32LE(kinds[index] ?? 0, 4)
    section.writeBigUInt64LE(BigInt(offset), 24)
    section.writeBigUInt64LE(BigInt(body.length), 32)
    offset += body.length
    return section
  })
  return Buffer.concat([header, ...bodies, ...sections])
}

let number = 0

/** A folder as it should be, changed by `overrides`: a file's new content, or undefined for none. */
function problems(overrides: Record<string, string | Buffer | undefined> = {}, manifest: object = {}): string[] {
  const at = path.join(folder, String(number++))
  mkdirSync(at)
  const own = {
    name: '@kafka-error-retry/binding-linux-x64-gnu',
    version: '3.0.0',
    main: binary,
    files: [binary, 'THIRD_PARTY_LICENSES'],
    os: ['linux'],
    cpu: ['x64'],
    libc: ['glibc'],
    ...manifest,
  }
  const files = {
    'package.json': JSON.stringify(own),
    LICENSE: 'MIT',
    THIRD_PARTY_LICENSES: 'many',
    [binary]: elf(),
    ...overrides,
  }
  for (const [name, content] of Object.entries(files)) {
    if (content !== undefined) writeFileSync(path.join(at, name), content)
  }
  return gate.problemsOfPackage(at, target, '3.0.0')
}

test('a package with its one binary passes', (t) => {
  t.deepEqual(problems(), [])
})

test('a package without a binary, with two, or with one of another name is refused', (t) => {
  t.regex(problems({ [binary]: undefined }).join(), /has no binary and should have kafka-error-retry\.linux-x64-gnu/)
  t.regex(
    problems({ 'other.node': elf() }).join(),
    /has kafka-error-retry\.linux-x64-gnu\.node, other\.node and should/,
  )
  t.regex(problems({ [binary]: undefined, 'index.node': elf() }).join(), /has index\.node and should/)
})

test('a package of another version, name or platform is refused', (t) => {
  t.deepEqual(problems({}, { version: '2.9.9' }), ['npm/linux-x64-gnu: version is "2.9.9", not "3.0.0"'])
  t.deepEqual(problems({}, { libc: ['musl'] }), ['npm/linux-x64-gnu: libc is ["musl"], not ["glibc"]'])
  t.is(problems({}, { name: 'binding', cpu: ['arm64'] }).length, 2)
})

test('a binary that was left over from another version is refused', (t) => {
  t.regex(problems({ [binary]: elf({ version: '2.9.9' }) }).join(), /is not of version 3\.0\.0/)
})

test('a binary for another processor or system is refused', (t) => {
  t.regex(problems({ [binary]: elf({ machine: 183 }) }).join(), /is for arm64, not x64/)
  const mac = Buffer.alloc(32)
  mac.writeUInt32LE(0xfeedfacf, 0)
  mac.writeUInt32LE(0x01000007, 4)
  t.regex(problems({ [binary]: mac }).join(), /is mach-o, not elf/)
  t.regex(problems({ [binary]: 'not a binary' }).join(), /neither a 64-bit ELF/)
})

test('a binary that asks too much of the system is refused', (t) => {
  t.regex(problems({ [binary]: elf({ glibc: '2.34' }) }).join(), /needs glibc 2\.34, and the floor is 2\.17/)
  t.deepEqual(problems({ [binary]: elf({ glibc: '2.5' }) }), [])
  t.regex(problems({ [binary]: elf({ needed: ['libc.so.6', 'libssl.so.3'] }) }).join(), /needs libssl\.so\.3$/)
  t.regex(problems({ [binary]: elf({ stays: false }) }).join(), /can be unloaded/)
})

test('a package without its licences is refused', (t) => {
  t.regex(problems({ THIRD_PARTY_LICENSES: undefined }).join(), /THIRD_PARTY_LICENSES is missing/)
  t.regex(problems({ LICENSE: undefined }).join(), /LICENSE is missing/)
})

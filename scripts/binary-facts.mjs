// What a shared library says about itself: format, processor and, for ELF, what it needs from the system it is loaded
// into. Read from the bytes, because a release is checked on one machine and no objdump reads all three formats.

const processors = {
  elf: { 62: 'x64', 183: 'arm64' },
  'mach-o': { 0x01000007: 'x64', 0x0100000c: 'arm64' },
  pe: { 0x8664: 'x64', 0xaa64: 'arm64' },
}

/** `{ format, cpu }`, and for ELF `{ needed, glibc, stays }`; throws on anything else. */
export function binaryFacts(bytes) {
  if (bytes.length >= 64 && bytes.readUInt32BE(0) === 0x7f454c46 && bytes[4] === 2 && bytes[5] === 1) {
    return { format: 'elf', cpu: cpuOf('elf', bytes.readUInt16LE(18)), ...elfFacts(bytes) }
  }
  if (bytes.length >= 32 && bytes.readUInt32LE(0) === 0xfeedfacf) {
    return { format: 'mach-o', cpu: cpuOf('mach-o', bytes.readUInt32LE(4)) }
  }
  if (bytes.length >= 64 && bytes.toString('latin1', 0, 2) === 'MZ') {
    const header = bytes.readUInt32LE(60)
    if (bytes.toString('latin1', header, header + 4) === 'PE\0\0') {
      return { format: 'pe', cpu: cpuOf('pe', bytes.readUInt16LE(header + 4)) }
    }
  }
  throw new Error('neither a 64-bit ELF, nor a Mach-O, nor a PE file')
}

function cpuOf(format, machine) {
  return processors[format][machine] ?? `machine ${machine}`
}

const dynamicSection = 6
const versionNeeds = 0x6ffffffe
const tag = { needed: 1, flags1: 0x6ffffffb }
const nodelete = 0x8

/** `needed` are the libraries, `glibc` the newest version of glibc asked for, `stays` whether it is never unloaded. */
function elfFacts(bytes) {
  const facts = { needed: [], glibc: undefined, stays: false }
  const sections = sectionsOf(bytes)
  for (const section of sections) {
    const strings = sections[section.link]
    if (section.type === dynamicSection) readDynamic(bytes, section, strings, facts)
    if (section.type === versionNeeds) readVersions(bytes, section, strings, facts)
  }
  return facts
}

function sectionsOf(bytes) {
  const table = Number(bytes.readBigUInt64LE(40))
  const [size, count] = [bytes.readUInt16LE(58), bytes.readUInt16LE(60)]
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
    }
  })
}

function readDynamic(bytes, section, strings, facts) {
  for (let at = section.offset; at < section.offset + section.size; at += 16) {
    const [kind, value] = [Number(bytes.readBigInt64LE(at)), Number(bytes.readBigUInt64LE(at + 8))]
    if (kind === tag.needed) facts.needed.push(text(bytes, strings.offset + value))
    if (kind === tag.flags1) facts.stays = (value & nodelete) !== 0
  }
}

function readVersions(bytes, section, strings, facts) {
  let file = section.offset
  for (;;) {
    let version = file + bytes.readUInt32LE(file + 8)
    for (;;) {
      const name = text(bytes, strings.offset + bytes.readUInt32LE(version + 8))
      const [, number] = /^GLIBC_(\d[\d.]*)$/.exec(name) ?? []
      if (number && isNewer(number, facts.glibc)) facts.glibc = number
      const next = bytes.readUInt32LE(version + 12)
      if (next === 0) break
      version += next
    }
    const next = bytes.readUInt32LE(file + 12)
    if (next === 0) return
    file += next
  }
}

function text(bytes, offset) {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset))
}

/** Whether version `one` is above version `other`: '2.34' is above '2.5' and above nothing at all. */
export function isNewer(one, other) {
  if (other === undefined) return true
  return one.localeCompare(other, 'en', { numeric: true }) > 0
}

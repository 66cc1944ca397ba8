// Fault tools of the machine: what needs a program that may be missing.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { findProgram } from '../../scripts/services/programs.mjs'

let folder
let clock

const temporary = () => (folder ??= mkdtempSync(path.join(os.tmpdir(), 'kafka-error-retry-tools-')))

/** What a case can need, and why it cannot be had here; undefined when it can. */
export function obstacle(need) {
  try {
    if (need === 'strace') execFileSync('strace', ['-qq', '-o', '/dev/null', 'true'], { stdio: 'ignore' })
    if (need === 'a wrong clock') compileClock()
    return undefined
  } catch (error) {
    return `${need} cannot be had here (${error.message.split('\n')[0]})`
  }
}

/** Runs a program under strace; `syncs()` is how many syncs it has made. */
export function countingSyncs() {
  const file = path.join(temporary(), `syncs-${process.hrtime.bigint()}`)
  const wrapper = [findProgram('strace'), '-f', '-qq', '--seccomp-bpf', '-e', 'trace=fsync,fdatasync', '-o', file]
  return { wrapper, syncs: () => (readFileSync(file, 'latin1').match(/\bf(?:data)?sync\(/g) ?? []).length }
}

/** The environment of a process whose wall clock is wrong by so many milliseconds. Monotonic clocks stay right. */
export function wrongClock(milliseconds) {
  return { LD_PRELOAD: compileClock(), KER_CLOCK_OFFSET_MS: String(milliseconds) }
}

function compileClock() {
  if (clock) return clock
  if (process.platform !== 'linux') throw new Error('only on Linux')
  const source = fileURLToPath(new URL('wrong-clock.c', import.meta.url))
  const library = path.join(temporary(), 'wrong-clock.so')
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source], { stdio: 'pipe' })
  return (clock = library)
}

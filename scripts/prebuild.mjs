// Usage: npm run prebuild -- all | TARGET...
// Builds the binaries of the given Linux targets, or of all four, on this machine and lays each of them into its
// folder under npm/. zig is the C compiler and the linker: one tool for both C libraries and both processors, and
// its glibc can be older than the one of this machine.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { problemsOfBinary } from './check-release.mjs'
import { findProgram, pathWithCargo } from './services/programs.mjs'
import { glibcFloor, manifest, root as rootUrl, targets } from './targets.mjs'

const root = fileURLToPath(rootUrl)
// Apart from target/: other compiler flags in the same folder would make each build throw away the other's work.
const buildFolder = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target', 'prebuild')
const toolFolder = path.join(root, 'target', 'prebuild-tools')
const tools = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.0']

const say = (text) => process.stdout.write(`== ${text}\n`)

function run(program, args, env = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, PATH: pathWithCargo(), ...env },
    stdio: 'inherit',
  })
  if (error) throw new Error(`${program}: ${error.message}`)
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')}: exit code ${status}`)
}

/** The folder with cargo-zigbuild and zig, which come as two Python packages: always these versions, on any machine. */
function installTools() {
  const folder = path.join(toolFolder, 'bin')
  const stamp = path.join(toolFolder, tools.join('+'))
  if (!existsSync(stamp)) {
    say(`installing ${tools.join(' and ')}`)
    run('python3', ['-m', 'venv', '--clear', toolFolder])
    run(path.join(folder, 'pip'), ['install', '--quiet', ...tools])
    copyFileSync(path.join(toolFolder, 'pyvenv.cfg'), stamp)
  }
  return folder
}

function build(target, folder) {
  say(`building ${target.triple}`)
  // A toolchain from elsewhere (Debian's, Alpine's) has no rustup and brings its targets along.
  if (findProgram('rustup')) run('rustup', ['target', 'add', target.triple])
  const platform = target.libc === 'glibc' ? `${target.triple}.${glibcFloor}` : target.triple
  run('cargo', ['zigbuild', '--locked', '--lib', '--profile', 'dist', '--target', platform], {
    PATH: [folder, pathWithCargo()].join(path.delimiter),
    CARGO_TARGET_DIR: buildFolder,
  })
  const file = path.join(root, 'npm', target.name, target.binary)
  const library = `lib${manifest.name.replaceAll('-', '_')}.so`
  copyFileSync(path.join(buildFolder, target.triple, 'dist', library), file)
  return file
}

/** Loads the binary into this Node, if it is one for it. Says what came of it. */
function load(target, file) {
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
  if (target.cpu !== process.arch || target.libc !== libc) return 'not loaded: it is for another system'
  run(process.execPath, ['-e', `if (Object.keys(require(${JSON.stringify(file)})).length === 0) process.exit(1)`])
  return 'loaded'
}

function main(triples) {
  const buildable = targets.filter((target) => target.os === 'linux')
  const names = buildable.map(({ triple }) => triple)
  const wanted = triples.join() === 'all' ? names : triples
  // npm takes a script of this name for a part of `npm run build` too, and hands it no arguments then.
  if (wanted.length === 0) return
  const unknown = wanted.filter((triple) => !names.includes(triple))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: neither all nor one of ${names.join(', ')}`)
  const folder = installTools()
  for (const target of buildable.filter(({ triple }) => wanted.includes(triple))) {
    const file = build(target, folder)
    const bytes = readFileSync(file)
    const problems = problemsOfBinary(target, bytes, manifest.version)
    if (problems.length > 0) throw new Error(problems.join('\n'))
    say(`${path.relative(root, file)}: ${(bytes.length / 1e6).toFixed(1)} MB, ${load(target, file)}`)
  }
}

try {
  main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`prebuild: ${error.message}\n`)
  process.exitCode = 1
}

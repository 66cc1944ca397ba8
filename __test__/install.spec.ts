import test, { type ExecutionContext } from 'ava'
import { execFile } from 'node:child_process'
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import { thisTriple } from '../dist/binary'

// What users get: both packages packed, and installed into an empty folder without scripts and without a network.

const execute = promisify(execFile)
const root = process.cwd()
const triple = thisTriple()
const environment = { ...process.env, NODE_OPTIONS: '', NAPI_RS_NATIVE_LIBRARY_PATH: '' }

let folder: string
let complete: string // a folder with both packages
let withoutBinary: string // one with the root package alone
let typed: string // and one of an application in TypeScript

test.before('packed and installed', async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kafka-error-retry-install-'))
  const rootPackage = await pack(root, 'root')
  const platformFolder = path.join(folder, triple)
  await cp(path.join(root, 'npm', triple), platformFolder, { recursive: true })
  const binary = `kafka-error-retry.${triple}.node`
  await copyFile(path.join(root, binary), path.join(platformFolder, binary)) // npm run build:native
  const platformPackage = await pack(platformFolder, 'platform')
  complete = await install('complete', rootPackage, platformPackage)
  withoutBinary = await install('without-binary', rootPackage)
  typed = await install('typed', rootPackage)
  const types = path.join(typed, 'node_modules/@types')
  await mkdir(types)
  await symlink(path.join(root, 'node_modules/@types/node'), path.join(types, 'node'), 'junction')
})

test.after.always('removed', async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

async function pack(source: string, name: string): Promise<string> {
  const destination = path.join(folder, `packed-${name}`)
  await mkdir(destination)
  await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', destination], { cwd: source })
  const [file = ''] = await readdir(destination)
  return path.join(destination, file)
}

async function install(name: string, ...packages: string[]): Promise<string> {
  const target = path.join(folder, name)
  await mkdir(target)
  await writeFile(path.join(target, 'package.json'), JSON.stringify({ name, version: '1.0.0', private: true }))
  const flags = ['--ignore-scripts', '--offline', '--no-audit', '--no-fund', '--no-save']
  await execute('npm', ['install', ...flags, ...packages], { cwd: target, env: environment })
  return target
}

/** Runs the installed command. */
function run(cwd: string, ...args: string[]): Promise<{ stdout: string }> {
  const file = path.join(cwd, 'node_modules/kafka-error-retry/dist/cli/index.js')
  return execute(process.execPath, [file, ...args], { cwd, env: environment })
}

/** Runs a program in `cwd`; its last line of output is JSON. */
async function answerOf(cwd: string, file: string, program: string): Promise<unknown> {
  await writeFile(path.join(cwd, file), program)
  const { stdout } = await execute(process.execPath, [file], { cwd, env: environment })
  return JSON.parse(stdout)
}

const options = `{ db: 'memory:', kafka: { brokers: '127.0.0.1:1' }, ensureTopics: false, logger: false }`

test('two packages are installed and no third', async (t) => {
  t.deepEqual((await readdir(path.join(complete, 'node_modules'))).filter((name) => !name.startsWith('.')).sort(), [
    '@kafka-error-retry',
    'kafka-error-retry',
  ])
  t.deepEqual(await readdir(path.join(complete, 'node_modules/@kafka-error-retry')), [`binding-${triple}`])
})

test('require loads the binary of the platform package', async (t) => {
  const program = `
    const { KafkaErrorHandler } = require('kafka-error-retry')
    const handler = KafkaErrorHandler.getInstance(${options})
    const binaries = Object.keys(require.cache).filter((file) => file.endsWith('.node'))
    console.log(JSON.stringify([handler === KafkaErrorHandler.getInstance(), binaries.map((file) => require('path').basename(file))]))`
  t.deepEqual(await answerOf(complete, 'required.cjs', program), [true, [`kafka-error-retry.${triple}.node`]])
})

test('import gives the classes and the one handler of require', async (t) => {
  const program = `
    import { createRequire } from 'node:module'
    import { KafkaErrorHandler } from 'kafka-error-retry'
    const required = createRequire(import.meta.url)('kafka-error-retry')
    const handler = KafkaErrorHandler.getInstance(${options})
    console.log(JSON.stringify([
      KafkaErrorHandler === required.KafkaErrorHandler,
      handler === required.KafkaErrorHandler.getInstance(),
    ]))`
  t.deepEqual(await answerOf(complete, 'imported.mjs', program), [true, true])
})

test('npx finds the command line, which opens a store and needs no binary to say its version', async (t) => {
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string }
  const npx = await execute('npx', ['--offline', 'kafka-error-retry', '--version'], { cwd: complete, env: environment })
  t.is(npx.stdout, `${version}\n`)
  t.is((await run(withoutBinary, '--version')).stdout, `${version}\n`)
  const made = await run(complete, 'migrate', '--db', 'sqlite:./retry.db', '--json')
  t.like(JSON.parse(made.stdout), { command: 'migrate', dryRun: false, tables: { found: 0 } })
  const missing = await t.throwsAsync<Error & { code: number; stderr: string }>(
    run(withoutBinary, 'list', '--db', 'sqlite:./retry.db'),
  )
  t.is(missing.code, 1)
  t.true(missing.stderr.includes(`kafka-error-retry: KER_BINARY: no prebuilt binary for ${triple}`), missing.stderr)
})

test('without the platform package everything loads, and the first use says which package is missing', async (t) => {
  const program = `
    const { KafkaErrorHandler, KafkaRetryError } = require('kafka-error-retry')
    try {
      KafkaErrorHandler.getInstance(${options})
    } catch (error) {
      console.log(JSON.stringify([KafkaRetryError.is(error), error.name, error.code, error.details.package, error.message]))
    }`
  const answer = (await answerOf(withoutBinary, 'missing.cjs', program)) as unknown[]
  t.deepEqual(answer.slice(0, 4), [true, 'LoadError', 'KER_BINARY', `@kafka-error-retry/binding-${triple}`])
  t.true(String(answer[4]).startsWith(`no prebuilt binary for ${triple} (looked for @kafka-error-retry/binding-`))
})

test('a platform package whose binary is broken is not called missing', async (t) => {
  const broken = path.join(folder, 'broken')
  await cp(complete, broken, { recursive: true })
  const binding = path.join(broken, 'node_modules/@kafka-error-retry', `binding-${triple}`)
  await writeFile(path.join(binding, `kafka-error-retry.${triple}.node`), 'not a binary')
  const program = `
    try {
      require('kafka-error-retry').KafkaErrorHandler.getInstance(${options})
    } catch (error) {
      console.log(JSON.stringify([error.code, error.message]))
    }`
  const [code, message] = (await answerOf(broken, 'broken.cjs', program)) as string[]
  t.is(code, 'KER_BINARY')
  t.true(message?.startsWith(`the binary for ${triple} is there and does not load: `), message)
})

const consumer = `
  import { KafkaErrorHandler, KafkaRetryError, type HandlerOptions } from 'kafka-error-retry'
  const options: HandlerOptions = { db: 'memory:', kafka: { brokers: 'localhost:9092' } }
  export async function use(): Promise<string | undefined> {
    const handler: KafkaErrorHandler = KafkaErrorHandler.getInstance(options)
    try {
      await handler.initialize()
    } catch (error) {
      if (KafkaRetryError.is(error)) return error.code
    }
    // @ts-expect-error an option that nobody knows
    KafkaErrorHandler.getInstance({ nonsense: true })
    return undefined
  }`

/** `tsc --strict` over one file, with the declarations of the package checked as well. */
async function compile(t: ExecutionContext, file: string, ...flags: string[]) {
  await writeFile(path.join(typed, file), consumer)
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const common = ['--strict', '--noEmit', '--types', 'node', '--target', 'es2022', '--lib', 'es2023,esnext.disposable']
  const compiled = execute(process.execPath, [tsc, ...common, ...flags, file], { cwd: typed, env: environment })
  t.is(
    await compiled.then(
      () => '',
      ({ stdout }: { stdout: string }) => stdout,
    ),
    '',
  )
}

test('tsc --strict takes the types in CommonJS and in modules (node16)', async (t) => {
  await compile(t, 'consumer.cts', '--module', 'node16', '--moduleResolution', 'node16')
  await compile(t, 'consumer.mts', '--module', 'node16', '--moduleResolution', 'node16')
})

test('tsc --strict takes the types under the old resolution of CommonJS applications (node10)', async (t) => {
  await compile(t, 'consumer.ts', '--module', 'commonjs', '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0')
})

test('tsc --strict takes the types under the resolution of bundlers', async (t) => {
  await compile(t, 'bundled.ts', '--module', 'esnext', '--moduleResolution', 'bundler')
})

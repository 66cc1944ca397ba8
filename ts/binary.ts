/**
 * Why the native binary did not load, said in one message that names the platform, the package and the way out.
 */
import { LoadError } from './errors'

/** The facts by which a prebuilt package is chosen. */
export interface Platform {
  os: string
  arch: string
  libc: 'gnu' | 'musl' | undefined
}

/** `'linux-x64-musl'`, as in the names of the prebuilt packages. */
export function tripleOf({ os, arch, libc }: Platform): string {
  const abi = os === 'win32' ? 'msvc' : os === 'linux' ? (libc ?? 'gnu') : undefined
  return abi === undefined ? `${os}-${arch}` : `${os}-${arch}-${abi}`
}

/** The platforms that have a prebuilt package, and whether its binary has been run on its platform or only compiled. */
const prebuilt: Readonly<Record<string, boolean>> = {
  'darwin-x64': false,
  'darwin-arm64': false,
  'linux-x64-gnu': true,
  'linux-arm64-gnu': false,
  'linux-x64-musl': true,
  'linux-arm64-musl': false,
  'win32-x64-msvc': false,
  'win32-arm64-msvc': false,
}

/** Whether the binary for this triple has ever been run. */
export function wasRun(triple: string): boolean {
  return prebuilt[triple] ?? false
}

/** The error of a load that failed with `cause`. */
export function loadFailure(cause: unknown, platform: Platform = thisPlatform()): LoadError {
  const triple = tripleOf(platform)
  const packageName = `@kafka-error-retry/binding-${triple}`
  const sentences = [whatHappened(cause, triple, packageName)]
  if (triple in prebuilt && !wasRun(triple)) {
    sentences.push(`Nobody has run the binary for ${triple} yet, it was only compiled: please report what you see.`)
  }
  sentences.push('To load a binary from elsewhere, set NAPI_RS_NATIVE_LIBRARY_PATH to the .node file.')
  return new LoadError('KER_BINARY', sentences.join(' '), {
    cause,
    details: { platform: platform.os, arch: platform.arch, libc: platform.libc ?? null, package: packageName },
  })
}

function whatHappened(cause: unknown, triple: string, packageName: string): string {
  const refusal = refusalIn(cause)
  const given = process.env['NAPI_RS_NATIVE_LIBRARY_PATH']
  if (given) return `the binary that NAPI_RS_NATIVE_LIBRARY_PATH names does not load: ${refusal ?? `no file ${given}`}.`
  if (!(triple in prebuilt)) {
    return `there is no prebuilt binary for ${triple}, only for ${Object.keys(prebuilt).join(', ')}.`
  }
  if (refusal !== undefined) {
    const floor = refusal.includes('GLIBC_') ? ' It needs glibc 2.17 or newer.' : ''
    return `the binary for ${triple} is there and does not load: ${refusal}.${floor}`
  }
  return (
    `no prebuilt binary for ${triple} (looked for ${packageName} and kafka-error-retry.${triple}.node). ` +
    'npm leaves optional dependencies out when package-lock.json was written on another platform (npm/cli#4828), ' +
    'and with --omit=optional: remove node_modules and package-lock.json and install again, ' +
    `or run npm install ${packageName}.`
  )
}

/**
 * What the system said about a binary that is there. The generated loader hands over everything that it tried as a
 * chain of causes under an error of its own, and most of that are names that it did not find.
 */
function refusalIn(cause: unknown): string | undefined {
  let error = cause instanceof Error ? cause.cause : undefined
  for (; error instanceof Error; error = error.cause) {
    if (!/^Cannot find (module|package)/.test(error.message)) return error.message.trim().replace(/\.$/, '')
  }
  return undefined
}

/** The triple of the process that asks. */
export function thisTriple(): string {
  return tripleOf(thisPlatform())
}

function thisPlatform(): Platform {
  return { os: process.platform, arch: process.arch, libc: process.platform === 'linux' ? thisLibc() : undefined }
}

function thisLibc(): 'gnu' | 'musl' {
  // The report is the one place where Node says it; without this switch it would look up the name of each open socket.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  const before = report.excludeNetwork ?? false
  try {
    report.excludeNetwork = true
    const { header } = report.getReport() as unknown as { header?: { glibcVersionRuntime?: string } }
    return header?.glibcVersionRuntime === undefined ? 'musl' : 'gnu'
  } finally {
    report.excludeNetwork = before
  }
}

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

/** The error of a load that failed with `cause`. */
export function loadFailure(cause: unknown, platform: Platform = thisPlatform()): LoadError {
  const triple = tripleOf(platform)
  const packageName = `@kafka-error-retry/binding-${triple}`
  const message =
    `no prebuilt binary for ${triple} (looked for ${packageName} and kafka-error-retry.${triple}.node). ` +
    'npm leaves optional dependencies out when package-lock.json was written on another platform (npm/cli#4828), ' +
    'and with --omit=optional: remove node_modules and package-lock.json and install again, ' +
    `or run npm install ${packageName}. ` +
    'To load a binary from elsewhere, set NAPI_RS_NATIVE_LIBRARY_PATH to the .node file.'
  return new LoadError('KER_BINARY', message, {
    cause,
    details: { platform: platform.os, arch: platform.arch, libc: platform.libc ?? null, package: packageName },
  })
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

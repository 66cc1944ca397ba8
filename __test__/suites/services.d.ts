// The scripts that start private servers are plain JavaScript; this is what the specs use of them.
declare module '*/scripts/services/install.mjs' {
  export function missingRequirements(): { service: string }[]
}
declare module '*/scripts/services/certificates.mjs' {
  interface Wishes {
    hosts?: string[]
    name?: string
    expired?: boolean
    passphrase?: string
  }
  export function certificateAuthority(name?: string): { pem: string; issue(wishes: Wishes): Certificate }
  export function selfSigned(wishes: Wishes): Certificate
  export function tlsFiles(certificate: Certificate & { ca?: string }): Record<string, string>
}
declare module '*/scripts/services/kafka.mjs' {
  export function start(options?: object): Promise<PrivateService & { brokers: string; ports: Record<string, number> }>
}
declare module '*/scripts/services/mariadb.mjs' {
  export function start(options?: object): Promise<PrivateService & { url: string }>
  export function sql(url: string, text: string): Promise<string>
}
declare module '*/scripts/services/postgres.mjs' {
  export function start(options?: object): Promise<PrivateService & { url: string }>
  export function sql(url: string, text: string): Promise<string>
}
interface Certificate {
  cert: string
  key: string
}
declare module '*/scripts/services/pgbouncer.mjs' {
  export function start(options: { server: number }): Promise<PrivateService & { url: string }>
}
declare module '*/scripts/services/programs.mjs' {
  export function findProgram(name: string): string | undefined
  export function requireProgram(name: string): string
}
interface PrivateService {
  port: number
  folder: string
  log: string
  stop(): Promise<void>
  kill(signal?: string): Promise<void>
  restart(options?: { files?: Record<string, string> }): Promise<void>
}

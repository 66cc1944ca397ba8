export interface Watcher {
  up(chunk: Buffer): boolean
  down(chunk: Buffer): { pass: number; isAnswer: boolean }
}
export const mysqlCommit: () => Watcher
export const mysqlExecute: () => Watcher
export const postgresCommit: () => Watcher
export const postgresExecute: () => Watcher
export const kafkaProduce: () => Watcher
export const anything: () => Watcher

import type { Watcher } from './wire.mjs'

export class Proxy {
  static start(options?: { target?: number; port?: number }): Promise<Proxy>
  readonly port: number
  target: number
  readonly bytes: { up: number; down: number }
  readonly connections: ReadonlySet<unknown>
  readonly accepted: number
  pass(): void
  delay(milliseconds: number, jitter?: number, random?: () => number): void
  rate(bytesPerSecond: number): void
  blackhole(...directions: ('up' | 'down')[]): void
  translate(words: readonly (readonly [said: string, heard: string])[]): void
  refuse(): void
  cut(): void
  cutAfter(bytes: number, direction: 'up' | 'down'): Promise<void>
  dropReply(watcher: () => Watcher): Promise<void>
  close(): Promise<void>
}

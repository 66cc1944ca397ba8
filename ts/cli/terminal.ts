/**
 * Standard output, standard error and the person in front of them.
 */
import { createInterface } from 'node:readline'

/** Where a command writes, and what it may ask. */
export class Terminal {
  /** Whether output is coloured: only for a terminal, and not against `NO_COLOR`. */
  readonly colors = process.stdout.isTTY && process.stdout.hasColors()

  constructor() {
    // `… | head` has enough: that is no failure of ours.
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
    }
  }

  /** Writes lines, and waits until the reader has taken them. */
  print(...lines: string[]): Promise<void> {
    return new Promise((resolve) => {
      process.stdout.write(lines.map((line) => `${line}\n`).join(''), () => resolve())
    })
  }

  /** One JSON document on a line of its own. */
  printJson(value: unknown): Promise<void> {
    return this.print(JSON.stringify(value))
  }

  /** A line for people beside the output. */
  say(line: string): void {
    process.stderr.write(`${line}\n`)
  }

  /** Whether there is somebody to ask. */
  get isAttended(): boolean {
    return process.stdin.isTTY && process.stderr.isTTY
  }

  /** Whether the answer is yes. */
  confirm(question: string): Promise<boolean> {
    const lines = createInterface({ input: process.stdin })
    process.stderr.write(`${question} [y/N] `)
    return new Promise((resolve) => {
      lines.once('line', (line) => {
        resolve(/^y(es)?$/i.test(line.trim()))
        lines.close()
      })
      // The end of the input is a no.
      lines.once('close', () => resolve(false))
    })
  }
}

#!/usr/bin/env node
/**
 * The command `kafka-error-retry`: reads the command line, runs one command over the store, and says with the exit code
 * how it went.
 */
import { readFileSync } from 'node:fs'

import { KafkaRetryError } from '../errors'
import type { DatabaseOptions } from '../handler-options'
import { Operator } from '../operator'
import { discard, purge, requeue } from './commands/operate'
import { list } from './commands/list'
import { migrate } from './commands/migrate'
import { show } from './commands/show'
import { describe } from './failure'
import type { CommandName } from './flags'
import { generalHelp, helpOf } from './help'
import { parse, UsageError, type Flags } from './parse'
import type { Task } from './task'
import { Terminal } from './terminal'
import { visible } from './text'

const { version } = require('../../package.json') as { version: string }

const runs: Record<CommandName, (task: Task) => Promise<void>> = { list, show, requeue, discard, purge, migrate }

async function main(terminal: Terminal): Promise<void> {
  // The address may hold a password, and whoever lists processes could read it.
  process.title = 'kafka-error-retry'
  const { command, words, flags } = parse(process.argv.slice(2))
  if (flags.has('version')) return terminal.print(version)
  if (flags.has('help')) return terminal.print(command === undefined ? generalHelp() : helpOf(command))
  if (command === undefined) throw new UsageError('which command? kafka-error-retry --help lists them')
  const operator = openable(command, flags, terminal)
  const release = closeOnInterrupt(operator, terminal)
  try {
    await runs[command]({ flags, words, operator, terminal })
  } finally {
    await operator.close()
    release()
  }
}

function openable(command: CommandName, flags: Flags, terminal: Terminal): Operator {
  const url = flags.text('db') ?? process.env['KAFKA_ERROR_RETRY_DB'] ?? ''
  if (url === '') throw new UsageError('which database? Give --db URL, or set KAFKA_ERROR_RETRY_DB')
  const tablePrefix = flags.text('table-prefix')
  const ca = flags.text('tls-ca')
  const timezone = flags.text('timezone')
  const parts: Partial<DatabaseOptions> = {
    ...(tablePrefix === undefined ? {} : { tablePrefix }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(ca === undefined ? {} : { tls: { ca: certificates(ca) } }),
  }
  const makesTables = command === 'migrate' && !flags.has('dry-run')
  const warn = (message: string) => terminal.say(`kafka-error-retry: warning: ${visible(message)}`)
  return new Operator('kafka-error-retry', {
    db: Object.keys(parts).length === 0 ? url : ({ ...parts, url } as DatabaseOptions),
    namespace: flags.text('namespace') ?? '',
    // Elsewhere it is a condition, and decides nothing here.
    groupId: flags.text('group') ?? '',
    schema: makesTables ? 'auto' : 'verify',
    logger: { debug: () => undefined, info: () => undefined, warn, error: warn },
  })
}

function certificates(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--tls-ca cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
  }
}

/** The first Ctrl-C ends what is under way and then the process; a second one does not wait. */
function closeOnInterrupt(operator: Operator, terminal: Terminal): () => void {
  const end = () => {
    terminal.say('kafka-error-retry: interrupted; what was done until now stays done')
    process.exit(130)
  }
  const onInterrupt = () => {
    isInterrupted = true
    operator.close().then(end, end)
  }
  process.once('SIGINT', onInterrupt)
  return () => process.off('SIGINT', onInterrupt)
}

let isInterrupted = false

const terminal = new Terminal()
main(terminal).catch((error: unknown) => {
  // What fails now fails because the store was closed under it.
  if (isInterrupted) return
  terminal.say(describe(error))
  const isUsage =
    error instanceof UsageError || (KafkaRetryError.is(error) && /^KER_(CONFIG|ARGUMENT)$/.test(error.code))
  process.exitCode = isUsage ? 2 : 1
})

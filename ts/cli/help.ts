/**
 * The texts of `--help`, made from the table of commands.
 */
import { commands, type Command, type CommandName } from './flags'

/** What `kafka-error-retry --help` prints. */
export function generalHelp(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    'Usage: kafka-error-retry COMMAND [options]',
    '',
    'Looks at the entries that kafka-error-retry stored, and acts on them. Needs the database and no Kafka.',
    '',
    ...lines,
    '',
    'kafka-error-retry COMMAND --help has the options of a command; --version prints the version.',
    'The database is --db URL or the variable KAFKA_ERROR_RETRY_DB: mysql://user:password@host/database, mariadb://…,',
    'postgres://…, or sqlite:path.',
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.',
  ].join('\n')
}

/** What `kafka-error-retry COMMAND --help` prints. */
export function helpOf(name: CommandName): string {
  const command: Command = commands[name]
  const groups = Object.entries(command.flags)
  const all = groups.flatMap(([, flags]) => Object.entries(flags))
  const width = Math.max(...all.map(([flag, { value }]) => shown(flag, value).length))
  const blocks = groups.map(([title, flags]) => {
    const lines = Object.entries(flags).map(
      ([flag, { value, text }]) => `  ${shown(flag, value).padEnd(width)}  ${text}`,
    )
    return ['', `${title}:`, ...lines].join('\n')
  })
  const more = command.more === undefined ? [] : ['', command.more]
  return [`Usage: kafka-error-retry ${command.usage}`, '', sentence(command.summary), ...more, ...blocks].join('\n')
}

function shown(flag: string, value: string | undefined): string {
  return `--${flag}${value === undefined ? '' : ` ${value}`}`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

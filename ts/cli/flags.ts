/**
 * Every flag of the command line, once: what reads it and what `--help` says of it come from here.
 */

/** One flag. With `value` it takes one, and that is what the help calls it. */
export interface Flag {
  value?: string
  text: string
}

const states = 'scheduled, leased, awaiting, dead or held'

const store = {
  db: { value: 'URL', text: 'the database; better in the variable KAFKA_ERROR_RETRY_DB, which no process list shows' },
  'table-prefix': { value: 'PREFIX', text: 'what the names of the tables begin with (default ker_)' },
  'tls-ca': { value: 'FILE', text: 'the authorities that are trusted for the database, as PEM' },
} as const satisfies Record<string, Flag>

const namespace = {
  namespace: { value: 'NAME', text: 'the namespace of the handler (default: none)' },
} as const satisfies Record<string, Flag>

const filter = {
  topic: { value: 'TOPIC', text: 'of this topic' },
  group: { value: 'GROUP', text: "of this consumer group; '' is none" },
  'data-id': { value: 'ID', text: 'with this data id' },
  state: { value: 'STATE', text: states },
  reason: { value: 'REASON', text: 'for this reason, such as crash, no-outcome, too-large' },
  'failed-before': { value: 'TIME', text: 'whose last failure is older than this moment (ISO 8601)' },
  'older-than': { value: 'DURATION', text: 'whose last failure is longer ago, such as 90s, 15m, 12h, 7d' },
} as const satisfies Record<string, Flag>

const output = {
  json: { text: 'JSON with stable names in place of text' },
  help: { text: 'this text' },
} as const satisfies Record<string, Flag>

const careful = {
  all: { text: 'everything in the namespace, where no filter is given' },
  limit: { value: 'N', text: 'at most so many, the oldest first (1–1000)' },
  yes: { text: 'do not ask' },
  'dry-run': { text: 'say what would happen, and change nothing' },
} as const satisfies Record<string, Flag>

/** A command: its words, and its flags in groups as the help shows them. */
export interface Command {
  usage: string
  summary: string
  /** Further paragraphs of the help. */
  more?: string
  flags: Readonly<Record<string, Readonly<Record<string, Flag>>>>
}

/** Every command, in the order of the help. */
export const commands = {
  list: {
    usage: 'list [filter] [--limit N | --all] [--cursor CURSOR]',
    summary: 'stored entries, oldest first',
    flags: {
      'which entries': filter,
      'how many': {
        limit: { value: 'N', text: 'at most so many (default 100)' },
        all: { text: 'all that match' },
        cursor: { value: 'CURSOR', text: 'go on where the list before ended' },
      },
      database: { ...store, ...namespace },
      output,
    },
  },
  show: {
    usage: 'show ID [--payload]',
    summary: 'one entry with its error; the payload only on request',
    flags: {
      payload: {
        payload: { text: 'also key, value and header values: text where they are UTF-8, else base64' },
      },
      database: { ...store, ...namespace },
      output,
    },
  },
  requeue: {
    usage: 'requeue (ID… | filter | --all)',
    summary: 'dead and held entries are due again, with retryCount 0',
    flags: {
      'which entries': filter,
      action: {
        redelivery: { value: 'WHERE', text: 'also change where redeliveries go: original or retryTopic' },
        ...careful,
      },
      database: { ...store, ...namespace },
      output,
    },
  },
  discard: {
    usage: 'discard (ID… | filter | --all)',
    summary: 'deletes entries in any state, as if they had succeeded',
    flags: { 'which entries': filter, action: careful, database: { ...store, ...namespace }, output },
  },
  purge: {
    usage: 'purge (ID… | filter | --all)',
    summary: 'deletes dead entries',
    flags: { 'which entries': filter, action: careful, database: { ...store, ...namespace }, output },
  },
  migrate: {
    usage: 'migrate [--adopt-dead] [--dry-run]',
    summary: 'makes the database and the tables, or brings them to the version of this package',
    more: 'With --dry-run it prints the SQL, for administrators who run it themselves.',
    flags: {
      action: {
        'dry-run': careful['dry-run'],
        'adopt-dead': { text: 'also make dead entries of the rows that 2.x gave up (MySQL, MariaDB)' },
      },
      'the entries of --adopt-dead': {
        ...namespace,
        group: { value: 'GROUP', text: 'the groupId of the handler (default: none)' },
        timezone: { value: 'ZONE', text: 'how 2.x wrote times: local (default), Z, +08:00 or Europe/Zurich' },
      },
      database: store,
      output,
    },
  },
} as const satisfies Record<string, Command>

/** The name of a command. */
export type CommandName = keyof typeof commands

/** Whether there is such a command. */
export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name)
}

/** The flags of one command without their groups. */
export function flagsOf(name: CommandName): Record<string, Flag> {
  const groups: Readonly<Record<string, Readonly<Record<string, Flag>>>> = commands[name].flags
  return Object.assign({}, ...Object.values(groups)) as Record<string, Flag>
}

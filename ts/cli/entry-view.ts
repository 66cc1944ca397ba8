/**
 * What of an entry is shown, to people and as JSON. Payload only on request; else its size and digest.
 */
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'

import type { Entry } from '../entries'
import { colored, visible, type Color, type Column } from './text'

/** Whether the bytes of a message are shown. */
export type PayloadView = 'hidden' | 'shown'

const stateColors: Partial<Record<Entry['state'], Color>> = { dead: 'red', held: 'yellow', awaiting: 'cyan' }

/** The columns of a list. */
export const columns: readonly Column<Entry>[] = [
  { title: 'ID', most: 19, of: ({ id }) => id },
  { title: 'STATE', most: 9, of: ({ state }) => state, color: ({ state }) => stateColors[state] },
  { title: 'REASON', most: 16, of: ({ reason }) => reason },
  { title: 'TOPIC', most: 32, of: ({ topic }) => topic },
  { title: 'GROUP', most: 24, of: ({ groupId }) => (groupId === '' ? '-' : groupId) },
  { title: 'DATA ID', most: 32, of: ({ dataId }) => dataId },
  { title: 'RETRIES', most: 10, of: ({ retryCount }) => String(retryCount) },
  { title: 'DUE', most: 20, of: ({ dueAt }) => moment(dueAt) },
  { title: 'ERROR', most: 60, of: ({ error }) => (error === null ? '' : `${error.class}: ${error.message}`) },
]

// Whole seconds: the milliseconds are in the JSON.
function moment(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}

/** An entry as JSON: the names of the API, with the message's bytes as `bytesOf` shows them. */
export function entryJson({ message, ...entry }: Entry, payload: PayloadView): object {
  const { key, value, headers, ...coordinates } = message
  return {
    ...entry,
    message: {
      ...coordinates,
      key: bytesOf(key, payload),
      value: bytesOf(value, payload),
      headers: headers.map((header) => ({ name: header.name, value: bytesOf(header.value, payload) })),
    },
  }
}

/** Size and digest of bytes; with their content as `text` when they are UTF-8, else as `base64`. */
function bytesOf(bytes: Buffer | null, payload: PayloadView) {
  if (bytes === null) return null
  const facts = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
  if (payload === 'hidden') return facts
  return isUtf8(bytes) ? { ...facts, text: bytes.toString() } : { ...facts, base64: bytes.toString('base64') }
}

/** An entry for people, line by line. */
export function entryLines(entry: Entry, payload: PayloadView, colors: boolean): string[] {
  const { message, error } = entry
  const facts: [name: string, value: string][] = [
    ['id', entry.id],
    ['state', colored(entry.state, stateColors[entry.state], colors)],
    ['reason', entry.reason],
    ['namespace', orNone(entry.namespace)],
    ['group', orNone(entry.groupId)],
    ['topic', visible(entry.topic)],
    ['data id', visible(entry.dataId)],
    ['retry count', String(entry.retryCount)],
    ['generation', entry.generation],
    ['due', entry.dueAt.toISOString()],
    ['first failed', entry.firstFailedAt.toISOString()],
    ['last failed', entry.lastFailedAt.toISOString()],
    ['policy', visible(JSON.stringify(entry.policy))],
    ['redelivery', entry.redelivery],
    ['life', entry.life],
    ['partition', String(message.partition ?? '-')],
    ['offset', message.offset ?? '-'],
    ['timestamp', message.timestamp?.toISOString() ?? '-'],
    ['key', bytesText(message.key, payload)],
    ...message.headers.map(({ name, value }): [string, string] => [
      `header ${visible(name)}`,
      bytesText(value, payload),
    ]),
    ['value', bytesText(message.value, payload)],
    ['error', error === null ? '-' : visible(`${error.class}: ${error.message}`, 'lines')],
    ['error code', visible(error?.code ?? '-')],
    ['stack', visible(error?.stack ?? '-', 'lines')],
  ]
  const names = Math.max(...facts.map(([name]) => Math.min(name.length, 24)))
  return facts.map(([name, value]) => {
    const shown = value.replaceAll('\n', `\n${' '.repeat(names + 2)}`)
    return `${colored(name, 'dim', colors)}${' '.repeat(Math.max(names - name.length, 0) + 2)}${shown}`
  })
}

function orNone(text: string): string {
  return text === '' ? '-' : visible(text)
}

function bytesText(bytes: Buffer | null, payload: PayloadView): string {
  if (bytes === null) return 'null'
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const facts = `${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}, sha256 ${sha256}`
  if (payload === 'hidden') return facts
  return isUtf8(bytes)
    ? `${facts}\n${visible(bytes.toString(), 'lines')}`
    : `${facts}, base64\n${bytes.toString('base64')}`
}

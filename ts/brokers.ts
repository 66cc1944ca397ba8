/**
 * `kafka.brokers`, as KafkaJS (an array) and 2.x (a comma string) write it, and the tables that belong to a connection.
 */
import { flag, isRecord, listOf, oneOf, record, text, type Shape } from './shape'
import { isStorable } from './text'

const address = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[^\s:,/[\]]{1,255}):(\d{1,5})$/

const broker: Shape = (value, path, reading) => {
  const trimmed = typeof value === 'string' ? value.trim() : ''
  const port = Number(address.exec(trimmed)?.[1])
  return port >= 1 && port <= 65_535 ? trimmed : reading.problem(path, 'must be host:port', value)
}

/** One or more `host:port`; spaces around commas are ignored. */
export const brokers: Shape = (value, path, reading) => {
  const given = typeof value === 'string' && value.trim() !== '' ? value.split(',') : value
  const expected = 'must be host:port, several with commas between or in an array'
  if (Array.isArray(given) && given.length === 0) return reading.problem(path, expected, value)
  return listOf(broker, expected)(given, path, reading)
}

const mostParts = 1_000

/** PEM text. A Buffer, or an array of these as Node's TLS takes it, is joined. */
const pem: Shape = (value, path, reading) => {
  // Copied from its beginning, so that a hole is a wrong part, and a list of nothing but holes has an end.
  const parts = Array.isArray(value) ? Array.from((value as unknown[]).slice(0, mostParts)) : [value]
  const texts = parts.map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString('latin1') : part))
  return texts.length > 0 && texts.every((part) => typeof part === 'string' && isStorable(part))
    ? texts.join('\n')
    : reading.problem(path, 'must be PEM text: a string, a Buffer, or an array of these', value)
}

/** `true`, `false`, or the tables of Node's TLS that `keys` names. */
export function tls(...keys: ('ca' | 'cert' | 'key' | 'passphrase' | 'rejectUnauthorized')[]): Shape {
  const all = { ca: pem, cert: pem, key: pem, passphrase: text, rejectUnauthorized: flag }
  const table = record(Object.fromEntries(keys.map((key) => [key, all[key]])))
  return (value, path, reading) => {
    if (typeof value === 'boolean') return value
    if (isRecord(value)) return table(value, path, reading)
    return reading.problem(path, `must be a boolean, or an object with ${keys.join(', ')}`, value)
  }
}

const mechanism: Shape = (value, path, reading) =>
  oneOf('plain', 'scram-sha-256', 'scram-sha-512')(
    typeof value === 'string' ? value.toLowerCase() : value,
    path,
    reading,
  )

/** KafkaJS's table; the mechanism in any case. */
export const sasl: Shape = record(
  { mechanism, username: text, password: text },
  { required: ['mechanism', 'username', 'password'] },
)

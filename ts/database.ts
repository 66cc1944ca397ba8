/**
 * `db`: the object of 2.x, or a URL. 2.x handed this object to TypeORM, so callers have left anything in it: unknown
 * names are ignored with one warning.
 */
import { tls } from './brokers'
import { bare, flag, integer, isRecord, matching, oneOf, record, text, type Reading, type Shape } from './shape'
import { isStorable } from './text'

const scheme = /^([a-z]+):/
const typeOf: Readonly<Record<string, string>> = {
  mysql: 'mysql',
  mariadb: 'mariadb',
  postgres: 'postgres',
  postgresql: 'postgres',
  sqlite: 'sqlite',
  memory: 'memory',
}
const urlExpected = 'must be an object, or a URL such as mysql://…, mariadb://…, postgres://…, sqlite:path, memory:'

const name = matching('[A-Za-z0-9_-]{1,63}')

const file: Shape = (value, path, reading) =>
  typeof value === 'string' && value !== '' && isStorable(value)
    ? value
    : reading.problem(path, 'must be a file path: a non-empty string without NUL', value)

// TypeORM also takes 'all' and lists of kinds.
const logging: Shape = (value, path, reading) =>
  typeof value === 'string' || Array.isArray(value) ? value.length > 0 : flag(value, path, reading)

function table(type: unknown): Shape {
  return record(
    {
      type: oneOf('mysql', 'mariadb', 'postgres', 'sqlite', 'memory'),
      host: text,
      port: integer(1, 65_535, 'digits'),
      username: text,
      password: text,
      database: type === 'sqlite' ? file : name,
      socketPath: text,
      tablePrefix: matching('[A-Za-z_][A-Za-z0-9_]{0,47}'),
      poolSize: integer(1, 1_000, 'digits'),
      tls: tls('ca', 'cert', 'key', 'rejectUnauthorized'),
      adopt: flag,
      timezone: text,
      logging,
    },
    { unknown: 'ignore', nullIsAbsent: true, required: ['type'] },
  )
}

/** The object form, the URL, or an object with a `url` whose other members win. */
export const database: Shape = (value, path, reading) => {
  if (typeof value === 'string') {
    const parts = urlParts(value)
    return parts === undefined ? reading.problem(path, urlExpected, value) : read(parts, path, reading)
  }
  if (!isRecord(value)) return reading.problem(path, urlExpected, value)
  const members = membersOf(value, path, reading)
  const { url, ...others } = members
  if (url === undefined || url === null) return read(others, path, reading)
  const parts = typeof url === 'string' ? urlParts(url) : undefined
  if (parts === undefined) return reading.problem(`${path}.url`, urlExpected.replace('an object, or ', ''), url)
  return read(bare({ ...parts, ...others }), path, reading)
}

function read(members: Record<string, unknown>, path: string, reading: Reading): unknown {
  return table(members['type'])(members, path, reading)
}

// Each getter is asked once, here.
function membersOf(value: object, path: string, reading: Reading): Record<string, unknown> {
  const members = bare()
  for (const key of reading.keys(value, path)) {
    const member = reading.property(value, key, `${path}.${key}`)
    if (member !== undefined) members[key] = member
  }
  return members
}

/** The members that a URL stands for; its query holds further ones, such as `?poolSize=5`. */
function urlParts(text: string): Record<string, unknown> | undefined {
  const name = scheme.exec(text)?.[1] ?? ''
  const type = Object.hasOwn(typeOf, name) ? typeOf[name] : undefined
  if (type === undefined) return undefined
  if (type === 'memory') return { type }
  if (type === 'sqlite') {
    // A path is taken as written: `sqlite:./retry.db`, `sqlite:/var/lib/retry.db`, and `sqlite:///var/lib/retry.db`.
    const path = text.slice('sqlite:'.length).replace(/^\/\//, '')
    return path === '' ? { type } : { type, database: path }
  }
  try {
    const url = new URL(text)
    const { hostname, port, username, password, pathname } = url
    const parts: Record<string, string | boolean> = { ...Object.fromEntries(url.searchParams), type }
    if (parts['tls'] === 'true' || parts['tls'] === 'false') parts['tls'] = parts['tls'] === 'true'
    if (hostname !== '') parts['host'] = decodeURIComponent(hostname.replace(/^\[|\]$/g, ''))
    if (port !== '') parts['port'] = port
    if (username !== '') parts['username'] = decodeURIComponent(username)
    if (password !== '') parts['password'] = decodeURIComponent(password)
    if (pathname.length > 1) parts['database'] = decodeURIComponent(pathname.slice(1))
    return parts
  } catch {
    // What `URL` throws quotes its input, and with it the password.
    return undefined
  }
}

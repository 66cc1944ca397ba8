// PostgreSQL as the benches see it.
import { Client } from 'pg'
import { HAND_COLUMNS, HAND_TABLE } from './hand-table.mjs'

export const DATABASE = 'ker_bench'
/** Fillings of more rows leave work behind that would be measured later. */
const CALM = 10_000
const NAMES = { ours: 'ker_entry', byHand: HAND_TABLE }

/** One connection by hand. */
export default async function connect(url) {
  const client = new Client({ connectionString: url })
  await client.connect()
  return {
    upsert: (rows) => {
      let number = 0
      const tuple = () => `(${HAND_COLUMNS.map(() => `$${++number}`).join(', ')})`
      const text =
        `INSERT INTO ${HAND_TABLE} (${HAND_COLUMNS.join(', ')}) VALUES ${Array.from({ length: rows }, tuple).join(', ')} ` +
        `ON CONFLICT (topic, data_id) DO UPDATE SET retry_count = ${HAND_TABLE}.retry_count + 1, ` +
        'due_at = EXCLUDED.due_at, msg_value = EXCLUDED.msg_value'
      return (values) => client.query({ name: `upsert-${rows}`, text, values })
    },
    transaction: async (work) => {
      await client.query('BEGIN')
      await work()
      await client.query('COMMIT')
    },
    /** Takes so many due rows for ten minutes, in one transaction. */
    claim: async (limit) => {
      const now = Date.now()
      const { rows } = await client.query({
        name: 'claim',
        text: `UPDATE ${HAND_TABLE} SET due_at = $1 WHERE id IN (SELECT id FROM ${HAND_TABLE} WHERE due_at <= $2
          ORDER BY due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED) RETURNING id, topic, msg_key, msg_value`,
        values: [now + 600_000, now],
      })
      return rows
    },
    settle: (rows) =>
      client.query({
        name: 'settle',
        text: `UPDATE ${HAND_TABLE} SET retry_count = retry_count + 1, due_at = $1 WHERE id = ANY($2)`,
        values: [Date.now() + 600_000, rows.map(({ id }) => id)],
      }),
    close: () => client.end(),
  }
}

/** Fills and counts. `url` has no database. */
export async function prepare(url) {
  const admin = new Client({ connectionString: `${url}/postgres` })
  await admin.connect()
  await admin.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`)
  await admin.query(`CREATE DATABASE ${DATABASE}`)
  await admin.end()
  const client = new Client({ connectionString: `${url}/${DATABASE}` })
  await client.connect()
  const run = async (sql, values) => (await client.query(sql, values)).rows
  await run(`CREATE TABLE ${HAND_TABLE} (id bigserial PRIMARY KEY, topic text NOT NULL, data_id text NOT NULL,
    msg_key bytea, msg_value bytea, retry_count int NOT NULL, due_at bigint NOT NULL, UNIQUE (topic, data_id))`)
  await run(`CREATE INDEX due ON ${HAND_TABLE} (due_at, id)`)
  const counts = await run('CREATE EXTENSION pg_stat_statements; SELECT 1 FROM pg_stat_statements').then(
    () => true,
    () => false,
  )
  const templates = {}
  return {
    name: 'PostgreSQL',
    url: `${url}/${DATABASE}`,
    version: async () => (await run('SHOW server_version'))[0].server_version,
    fill: async (contender, rows, { due = false } = {}) => {
      const table = NAMES[contender]
      templates[contender] ??= (await run(`SELECT * FROM ${table} LIMIT 1`))[0]
      const template = templates[contender]
      if (!template) throw new Error(`${table} has no row to fill from`)
      await run(`TRUNCATE ${table}`)
      if (rows === 0) return
      const made = MADE[contender](due)
      const columns = Object.keys(template).filter((column) => column !== 'id')
      const fixed = columns.filter((column) => !(column in made))
      // The template's own types: a bare parameter in a select list would be text.
      const types = await run(
        `SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0`,
      )
      const typeOf = Object.fromEntries(types.map(({ attname, type }) => [attname, type]))
      const cells = columns.map((column) => made[column] ?? `$${fixed.indexOf(column) + 1}::${typeOf[column]}`)
      const values = fixed.map((column) => template[column])
      for (let from = 1; from <= rows; from += 50_000) {
        const numbers = `generate_series(${from}, ${Math.min(rows, from + 49_999)}) AS seq`
        await run(`INSERT INTO ${table} (${columns.join(', ')}) SELECT ${cells.join(', ')} FROM ${numbers}`, values)
      }
      await run(`VACUUM ANALYZE ${table}`)
      if (rows > CALM) await run('CHECKPOINT')
    },
    count: async (contender, where = 'TRUE') =>
      Number((await run(`SELECT COUNT(*) AS count FROM ${NAMES[contender]} WHERE ${where}`))[0].count),
    statements: async () => {
      if (!counts) return null
      const rows = await run(
        `SELECT upper(split_part(ltrim(query), ' ', 1)) AS kind, query, SUM(calls) AS calls FROM pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%pg_stat_statements%'
         GROUP BY 1, 2`,
      )
      const sum = (kind) =>
        rows.filter((row) => kind.test(kindOf(row))).reduce((total, row) => total + Number(row.calls), 0)
      return {
        questions: sum(/./),
        select: sum(/SELECT/),
        insert: sum(/INSERT/),
        update: sum(/UPDATE/),
        delete: sum(/DELETE/),
        begin: sum(/BEGIN/),
        commit: sum(/COMMIT/),
        rollback: sum(/ROLLBACK/),
        prepare: 0,
      }
    },
    query: run,
    close: () => client.end(),
  }
}

/** A claim begins with WITH and is an UPDATE; a lock begins with WITH and is a SELECT. */
function kindOf({ kind, query }) {
  if (kind !== 'WITH') return kind
  return / UPDATE "?ker_entry/.test(query) ? 'UPDATE' : 'SELECT'
}

const NOW = 'FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint'
const MADE = {
  ours: (due) => ({
    data_id: 'md5(seq::text)',
    msg_key: "('fill-' || seq)::bytea",
    life: "decode(md5('fill-' || seq), 'hex')",
    identity: "sha256(('fill-' || seq)::bytea)",
    due_at: due ? `${NOW} - 1000` : `${NOW} + 86400000 + seq`,
  }),
  byHand: (due) => ({
    data_id: 'md5(seq::text)',
    msg_key: "('fill-' || seq)::bytea",
    due_at: due ? `${NOW} - 1000` : `${NOW} + 86400000 + seq`,
  }),
}

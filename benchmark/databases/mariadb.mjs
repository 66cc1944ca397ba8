// MariaDB and MySQL as the benches see them: clients by hand, tables filled by SQL, statements counted by the server.
import { setTimeout as pause } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { HAND_COLUMNS, HAND_TABLE } from './hand-table.mjs'

export const DATABASE = 'ker_bench'
const OF_ORIGINAL = '`kafka-error-retry`.business_errors'
/** Fillings of more rows leave work behind that would be measured later. */
const CALM = 10_000
const NAMES = { ours: 'ker_entry', original: OF_ORIGINAL, byHand: HAND_TABLE }

/** One connection by hand. */
export default async function connect(url) {
  const connection = await mysql.createConnection(url)
  return {
    upsert: (rows) => {
      const tuple = `(${HAND_COLUMNS.map(() => '?').join(', ')})`
      const sql =
        `INSERT INTO ${HAND_TABLE} (${HAND_COLUMNS.join(', ')}) VALUES ${Array(rows).fill(tuple).join(', ')} ` +
        'ON DUPLICATE KEY UPDATE retry_count = retry_count + 1, due_at = VALUES(due_at), msg_value = VALUES(msg_value)'
      return (values) => connection.execute(sql, values)
    },
    transaction: async (work) => {
      await connection.query('BEGIN')
      await work()
      await connection.query('COMMIT')
    },
    /** Takes so many due rows for ten minutes, in one transaction. */
    claim: async (limit) => {
      await connection.query('BEGIN')
      const now = Date.now()
      const [rows] = await connection.execute(
        `SELECT id, topic, msg_key, msg_value FROM ${HAND_TABLE} WHERE due_at <= ? ORDER BY due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
        [now],
      )
      if (rows.length > 0) {
        await connection.query(`UPDATE ${HAND_TABLE} SET due_at = ? WHERE id IN (?)`, [now + 600_000, ids(rows)])
      }
      await connection.query('COMMIT')
      return rows
    },
    settle: (rows) =>
      connection.query(`UPDATE ${HAND_TABLE} SET retry_count = retry_count + 1, due_at = ? WHERE id IN (?)`, [
        Date.now() + 600_000,
        ids(rows),
      ]),
    close: () => connection.end(),
  }
}

const ids = (rows) => rows.map(({ id }) => id)

/** Fills and counts. `url` has no database. */
export async function prepare(url) {
  const connection = await mysql.createConnection({ uri: url, multipleStatements: true })
  const run = async (sql, values) => (await connection.query(sql, values))[0]
  await run(`DROP DATABASE IF EXISTS ${DATABASE}; CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4; USE ${DATABASE};
    DROP DATABASE IF EXISTS \`kafka-error-retry\`;
    CREATE TABLE ${HAND_TABLE} (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, topic VARBINARY(249) NOT NULL,
      data_id VARBINARY(255) NOT NULL, msg_key LONGBLOB, msg_value LONGBLOB, retry_count INT NOT NULL,
      due_at BIGINT NOT NULL, UNIQUE KEY identity (topic, data_id), KEY due (due_at, id)) ENGINE=InnoDB`)
  const templates = {}
  /** Lets the server write down what a large filling has left to do, and read the index that every push goes through. */
  const settle = async (table) => {
    const [{ most, pace, fastest }] = await run(
      'SELECT @@innodb_max_dirty_pages_pct AS most, @@innodb_io_capacity AS pace, @@innodb_io_capacity_max AS fastest',
    )
    await run('SET GLOBAL innodb_io_capacity_max = 20000; SET GLOBAL innodb_io_capacity = 20000')
    await run('SET GLOBAL innodb_max_dirty_pages_pct = 0')
    for (const end = performance.now() + 60_000; performance.now() < end; await pause(200)) {
      const [{ Value: dirty }] = await run("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")
      if (Number(dirty) < 100) break
    }
    await run(`SET GLOBAL innodb_max_dirty_pages_pct = ${most}`)
    await run(`SET GLOBAL innodb_io_capacity = ${pace}; SET GLOBAL innodb_io_capacity_max = ${fastest}`)
    if (table !== OF_ORIGINAL) await run(`SELECT COUNT(*) FROM ${table} FORCE INDEX (identity)`)
  }
  return {
    name: 'MariaDB',
    url: `${url}/${DATABASE}`,
    version: async () => (await run('SELECT VERSION() AS version'))[0].version,
    /** Leaves exactly so many rows in the table of a contender, all made from one that it wrote itself. */
    fill: async (contender, rows, { due = false } = {}) => {
      const table = NAMES[contender]
      templates[contender] ??= (await run(`SELECT * FROM ${table} LIMIT 1`))[0]
      const template = templates[contender]
      if (!template) throw new Error(`${table} has no row to fill from`)
      await run(`TRUNCATE ${table}`)
      if (rows === 0) return
      const made = MADE[contender](due)
      const columns = Object.keys(template).filter((column) => column !== 'id')
      const quoted = columns.map((column) => `\`${column}\``).join(', ')
      const cells = columns.map((column) => made[column] ?? '?').join(', ')
      const values = columns.filter((column) => !(column in made)).map((column) => template[column])
      // In steps: one transaction of a million rows would be measured long after by what purges its undo log.
      for (let from = 1; from <= rows; from += 50_000) {
        const numbers = `seq_${from}_to_${Math.min(rows, from + 49_999)}`
        await run(`INSERT INTO ${table} (${quoted}) SELECT ${cells} FROM ${numbers}`, values)
      }
      await run(`ANALYZE TABLE ${table}`)
      if (rows > CALM) await settle(table)
    },
    count: async (contender, where = '1 = 1') =>
      (await run(`SELECT COUNT(*) AS count FROM ${NAMES[contender]} WHERE ${where}`))[0].count,
    /** What the server has been asked so far, by kind. Prepared statements count as what they are. */
    statements: async () => {
      const rows = await run("SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%' OR Variable_name = 'Questions'")
      const counts = Object.fromEntries(
        rows.map(({ Variable_name: name, Value }) => [name.toLowerCase(), Number(Value)]),
      )
      const some = (...names) => names.reduce((sum, name) => sum + (counts[`com_${name}`] ?? 0), 0)
      return {
        questions: counts.questions,
        select: some('select'),
        insert: some('insert', 'insert_select', 'replace'),
        update: some('update', 'update_multi'),
        delete: some('delete', 'delete_multi'),
        begin: some('begin'),
        commit: some('commit'),
        rollback: some('rollback'),
        prepare: some('stmt_prepare'),
      }
    },
    query: run,
    close: () => connection.end(),
  }
}

const NOW = 'CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)'
const MADE = {
  ours: (due) => ({
    data_id: 'MD5(seq)',
    msg_key: "CONCAT('fill-', seq)",
    life: "UNHEX(MD5(CONCAT('fill-', seq)))",
    identity: "UNHEX(SHA2(CONCAT('fill-', seq), 256))",
    due_at: due ? `${NOW} - 1000` : `${NOW} + 86400000 + seq`,
  }),
  byHand: (due) => ({
    data_id: 'MD5(seq)',
    msg_key: "CONCAT('fill-', seq)",
    due_at: due ? `${NOW} - 1000` : `${NOW} + 86400000 + seq`,
  }),
  original: (due) => ({
    dataId: 'MD5(seq)',
    key: "CONCAT('fill-', seq)",
    nextTime: due ? 'NOW() - INTERVAL 1 DAY' : 'NOW() + INTERVAL 2 DAY',
  }),
}

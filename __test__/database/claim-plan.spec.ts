// How servers carry out what claims and settlements ask, at any size and with statistics that were never made: read from
// the server's own log of the statements that the library sent.
import { readFileSync } from 'node:fs'
import path from 'node:path'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { KafkaErrorHandler } from '../../index.js'
import { start as startMariaDb } from '../../scripts/services/mariadb.mjs'
import { start as startPostgres } from '../../scripts/services/postgres.mjs'
import { startMockCluster } from '../suites/mock-cluster.js'
import { rounds } from '../suites/rounds.js'
import { ask, has } from '../suites/servers.js'

/** The most entries of a claim. */
const batch = 1000
const sizes = [1000, rounds(100_000, 1_000_000)]
const due = 3000

interface Plans {
  t: ExecutionContext
  /** Sweeps once, over so many entries. */
  sweep(): Promise<number>
  url: string
  log(): string
}

/** A handler that has swept an empty table often enough for every statement to be remembered with its plan. */
async function open(
  t: ExecutionContext,
  server: { url: string; stop(): Promise<void> },
  log: () => string,
): Promise<Plans> {
  const cluster = startMockCluster()
  // One connection, which remembers all of them.
  const url = `${server.url}/plans`
  const kafka = { brokers: cluster.bootstrapServers }
  const handler = new KafkaErrorHandler({
    db: `${url}?poolSize=1`,
    kafka,
    ensureTopics: false,
    logger: false,
    pushTimeout: 120_000,
  })
  t.teardown(async () => {
    await handler.close()
    cluster.close()
    await server.stop()
  })
  await handler.initialize()
  for (let n = 0; n < 12; n++) {
    await handler.pushError({ topic: 'orders', value: 'v', dataId: `seed-${n}` })
    await handler.entries.retryNow({ dataId: `seed-${n}` })
    t.is((await handler.sweep()).claimed, 1)
  }
  return { t, url, log, sweep: async () => (await handler.sweep()).claimed }
}

/** Adds rows by one statement: `due` that a claim takes, and others that it must pass by. */
async function fill(url: string, name: string, count: number, due: number): Promise<void> {
  const isMariaDb = url.startsWith('mysql')
  const series = isMariaDb ? `seq_1_to_${count}` : `generate_series(1, ${count}) AS series (seq)`
  const changed: Record<string, string> = {
    namespace: `CASE WHEN seq > ${due} AND seq % 3 = 0 THEN 'another' ELSE '' END`,
    data_id: isMariaDb ? `CONCAT('${name}', seq)` : `'${name}' || seq`,
    life: isMariaDb ? `UNHEX(MD5(seq))` : `decode(md5(seq::text), 'hex')`,
    state: `CASE WHEN seq > ${due} AND seq % 3 = 1 THEN 'dead' ELSE 'scheduled' END`,
    due_at: `CASE WHEN seq > ${due} AND seq % 3 = 2 THEN 9000000000000 ELSE 1000 END`,
    identity: isMariaDb ? `UNHEX(SHA2(CONCAT('${name}', seq), 256))` : `sha256(('${name}' || seq)::bytea)`,
    scope: `CASE WHEN seq > ${due} AND seq % 3 = 1 THEN NULL ELSE ${isMariaDb ? `''` : `''::bytea`} END`,
    lease_token: 'NULL',
  }
  const schema = isMariaDb ? `table_schema = 'plans'` : `table_schema = 'public'`
  const found = await ask(
    url,
    `SELECT column_name FROM information_schema.columns WHERE table_name = 'ker_entry' AND ${schema} AND column_name <> 'id'`,
  )
  const columns = found.map(([column]) => column ?? '')
  const values = columns.map((column) => changed[column] ?? `seed.${column}`)
  await ask(
    url,
    `INSERT INTO ker_entry (${columns.join()}) SELECT ${values.join()} FROM ker_entry AS seed, ${series} WHERE seed.data_id = 'seed-0'`,
  )
}

if (has('mariadb')) {
  test.serial('MariaDB: a claim is one range of its index, at any size and with old statistics', async (t) => {
    // Statistics stay those of the empty table.
    const args = ['--general-log=1', '--general-log-file=general.log', '--innodb-stats-auto-recalc=0']
    const server = await startMariaDb({ args })
    const plans = await open(t, server, () => readFileSync(path.join(server.folder, 'data', 'general.log'), 'latin1'))
    await checkMariaDb(plans, 'empty')
    for (const size of sizes) {
      await fill(plans.url, `n${size}-`, size, Math.min(size, due))
      t.is(await plans.sweep(), Math.min(size, due))
      await checkMariaDb(plans, `${size} rows`)
    }
    await ask(plans.url, 'ANALYZE TABLE ker_entry')
    await checkMariaDb(plans, 'after ANALYZE')
  })
}

async function checkMariaDb({ t, url, log }: Plans, when: string): Promise<void> {
  const lines = log()
    .split('\n')
    .map((line) => /^(?:\d{6}\s+[\d:]+)?\s+(\d+) (Execute|Query)\t(.*)$/.exec(line))
    .filter((line) => line !== null)
    .map(([, connection, , text]) => ({ connection, text: text ?? '' }))
  const claims = lines.filter(
    ({ text }) => text.startsWith('SELECT') && text.includes(`LIMIT ${batch} FOR UPDATE SKIP`),
  )
  const last = claims.at(-1)
  const isolation = 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'
  for (const { connection } of claims) {
    t.true(lines.some((line) => line.connection === connection && line.text === isolation))
  }
  // What the connection of the last claim was asked from the claim to its COMMIT.
  const after = lines.slice(lines.indexOf(last as never)).filter(({ connection }) => connection === last?.connection)
  t.true(after.findIndex(({ text }) => text === 'COMMIT') <= 2, 'at most two statements')

  // So many that the batch is full.
  await fill(url, `${when}-`, 2 * batch, 2 * batch)
  const claim = last?.text ?? ''
  const [plan] = await ask(url, `EXPLAIN ${claim}`)
  t.deepEqual([plan?.[3], plan?.[5]], ['range', 'claim'], when)
  t.false(plan?.at(-1)?.includes('filesort'), when)
  const locked = await ask(
    url,
    `${isolation}; BEGIN; ${claim}; DO SLEEP(0.3);
     SELECT 'locked', trx_rows_locked FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID();
     ROLLBACK`,
  )
  const [, rows] = locked.find(([cell]) => cell === 'locked') ?? []
  t.log(when, 'locks', rows)
  t.true(Number(rows) >= batch && Number(rows) <= 3 * batch, `${when}: ${rows}`)
  await ask(url, `DELETE FROM ker_entry WHERE data_id LIKE '${when}-%'`)
}

if (has('postgres')) {
  test.serial(
    'PostgreSQL: claims and settlements read by their indexes, at any size and with old statistics',
    async (t) => {
      const settings = [
        'session_preload_libraries=auto_explain',
        'auto_explain.log_min_duration=0',
        'auto_explain.log_analyze=on',
        'auto_explain.log_timing=off',
        'auto_explain.log_level=log',
        // So that nobody makes statistics, and no plan is made again for their sake.
        'autovacuum=off',
      ]
      const server = await startPostgres({ args: settings.flatMap((setting) => ['-c', setting]) })
      const plans = await open(t, server, () => readFileSync(server.log, 'latin1'))
      for (const size of sizes) {
        await fill(plans.url, `n${size}-`, size, Math.min(size, due))
        const before = plans.log().length
        t.is(await plans.sweep(), Math.min(size, due))
        checkPostgres(plans, before, `${size} rows`)
      }
      await fill(plans.url, 'analyzed', due, due)
      await ask(plans.url, 'ANALYZE ker_entry')
      const before = plans.log().length
      t.is(await plans.sweep(), due)
      checkPostgres(plans, before, 'after ANALYZE')
    },
  )
}

function checkPostgres({ t, log }: Plans, from: number, when: string): void {
  const plans = log()
    .slice(from)
    .split(/^\d{4}-\d\d-\d\d .*LOG: /m)
    .filter((plan) => plan.includes('plan:'))
  const claims = plans.filter((plan) => plan.includes('FOR UPDATE SKIP LOCKED'))
  const settlements = plans.filter((plan) => /Query Text: UPDATE.*json_(to_recordset|array_elements)/s.test(plan))
  t.true(claims.length > 0 && settlements.length > 0, when)
  const most = Math.max(...claims.map((plan) => Number(/LockRows .*actual rows=(\d+)/.exec(plan)?.[1])))
  t.log(when, 'locks', most)
  t.true(most > 0 && most <= batch, `${when}: ${most}`)
  for (const plan of claims)
    t.regex(plan, /LockRows[^\n]*\n\s*->\s+Index Scan using ker_entry_claim on ker_entry/, when)
  // While the table is small to read all of it is right.
  if (when.startsWith('1000 ')) return
  for (const plan of [...claims, ...settlements]) t.notRegex(plan, /Seq Scan on ker_entry/, `${when}: ${plan}`)
}

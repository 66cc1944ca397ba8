import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'

import test from 'ava'

import { dead, Ledger, runSql, waiting } from './suites/command.js'

// Every store: its tables first, then what the commands show and do. Each test has a namespace of its own; they run one
// after another, since each is a few processes.

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex')

/** The table of 2.x, as 2.1.5 makes it. */
const oldTable = `CREATE TABLE business_errors (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, dataId varchar(128) NOT NULL,
  topic varchar(128) NOT NULL, \`key\` varchar(128) NOT NULL, policy text NULL, value text NOT NULL, retryCount int NULL,
  nextTime datetime NULL, reachMaxRetryCount int NULL DEFAULT 0, createdAt datetime NOT NULL DEFAULT now(),
  updatedAt datetime NOT NULL DEFAULT now());`
const oldColumns = '(dataId, topic, `key`, value, retryCount, nextTime, reachMaxRetryCount)'

/** Rows of a table as their cells. */
const cells = (line: string) => line.split(/ {2,}/)
/** The column of a terminal in which the count of retries stands. */
const retriesAt = (line: string) => line.indexOf(' 1  ') + (line.match(/订/g)?.length ?? 0)

for (const name of ['sqlite', 'mysql', 'postgres'] as const) {
  const ledger = new Ledger(name)
  const on = ledger.isThere ? test.serial : test.serial.skip

  test.after.always(`${name}: removed`, () => ledger.end())

  if (ledger.isThere) {
    test.before(`${name}: no command makes tables but migrate, and it says what it did`, async (t) => {
      for (const args of [['list'], ['show', '1'], ['requeue', '1'], ['discard', '1'], ['purge', '--all', '--yes']]) {
        const { code, out, err } = await ledger.run(...args)
        t.deepEqual([code, out], [1, ''], args.join(' '))
        t.is(err, 'kafka-error-retry: KER_STORE: there are no tables here; kafka-error-retry migrate makes them\n')
      }

      const planned = await ledger.run('migrate', '--dry-run')
      t.is(planned.code, 0, planned.err)
      t.is(planned.lines[0], '-- the database does not exist: tables at version 0, needed is 1')
      t.regex(planned.out, /^CREATE TABLE (IF NOT EXISTS )?["`]ker_entry["`] \($/m)
      t.true(planned.out.endsWith(' (version) VALUES (1);\n'))
      if (name === 'sqlite') t.false(existsSync(ledger.url.slice('sqlite:'.length)), 'not even the file is made')
      t.is((await ledger.run('migrate', '--dry-run')).out, planned.out, 'and nothing was changed')

      const made = await ledger.run('migrate')
      t.is(made.code, 0, made.err)
      t.regex(made.lines[0] ?? '', /^(SQLite|MariaDB|MySQL|PostgreSQL) .*: the tables are at version 1 now, 0 before$/)
      t.true(
        made.lines.some((line) => /^ {2}CREATE TABLE (IF NOT EXISTS )?["`]ker_entry["`]$/.test(line)),
        made.out,
      )

      const again = await ledger.run('migrate')
      t.regex(again.out, /^.*: the tables are at version 1, nothing was to be done\n$/)
      const json = JSON.parse((await ledger.run('migrate', '--dry-run', '--json')).out) as { tables: object }
      t.like(json, { command: 'migrate', dryRun: true, tables: { found: 1, needed: 1, statements: [] } })
      t.is((await ledger.run('list')).err, 'no entries\n')
    })
  }

  on(`${name}: migrate makes tables under another prefix beside the others`, async (t) => {
    t.is((await ledger.run('list', '--table-prefix', 'other_')).code, 1)
    const made = await ledger.run('migrate', '--table-prefix', 'other_')
    t.regex(made.out, /CREATE TABLE (IF NOT EXISTS )?["`]other_entry["`]/)
    t.is((await ledger.run('list', '--table-prefix', 'other_')).code, 0)
  })

  // There is no client of SQLite wherever there is SQLite.
  if (name !== 'sqlite') {
    on(`${name}: what migrate --dry-run prints can be run by hand`, async (t) => {
      const { out } = await ledger.run('migrate', '--dry-run', '--table-prefix', 'byhand_')
      await runSql(ledger.url, out)
      const made = await ledger.run('migrate', '--table-prefix', 'byhand_')
      t.regex(made.out, /: the tables are at version 1, nothing was to be done\n$/)
    })
  }

  if (name === 'mysql') {
    on('mysql: migrate --adopt-dead makes dead entries of the rows that 2.x gave up, and of no others', async (t) => {
      const rows = [
        `('spent', 'orders', 'k', '{"a":1}', 4, '2020-05-01 12:00:00', 1)`,
        `('open', 'orders', 'k', '{"a":2}', 1, '2099-05-01 12:00:00', 0)`,
      ]
      // The handlers of the tests after this one would adopt the open row.
      t.teardown(() => runSql(ledger.url, 'DROP TABLE business_errors'))
      await runSql(ledger.url, `${oldTable} INSERT INTO business_errors ${oldColumns} VALUES ${rows.join(', ')};`)
      const adopt = (...flags: string[]) =>
        ledger.run('migrate', '--adopt-dead', '--namespace', 'old', '--group', 'billing', ...flags)
      const looked = await adopt('--dry-run')
      t.is(looked.code, 0, looked.err)
      const source = ledger.url.split('/').at(-1)
      t.deepEqual(looked.lines.slice(1), [
        '-- nothing to do',
        '-- rows of 2.x to adopt as dead entries: 1',
        `--   ${source}: orders 1`,
      ])
      t.deepEqual(await ledger.stored('old'), [])
      const done = await adopt()
      t.deepEqual(done.lines.slice(1), ['rows of 2.x that are dead entries now: 1', `  ${source}: orders 1`], done.err)
      const { lines } = await ledger.run('list', '--json', '--namespace', 'old', '--group', 'billing')
      t.is(lines.length, 1)
      t.like(JSON.parse(lines[0] ?? ''), { dataId: 'spent', topic: 'orders', state: 'dead', retryCount: 4 })
      const again = JSON.parse((await adopt('--json')).out) as { adoption: object }
      t.deepEqual(again.adoption, {
        adopted: 0,
        refused: 0,
        topics: [{ source, topic: 'orders', open: 1, spent: 0, adopted: 1 }],
      })
    })
  }

  on(`${name}: list is a table without payload, and a cursor when there is more`, async (t) => {
    const long = '订'.repeat(40)
    const ids = await ledger.fill('list', [
      { dataId: '1', policy: waiting, groupId: 'billing', error: new RangeError('no \u001B[31mstock') },
      { dataId: long },
      { dataId: '3', topic: 'payments' },
    ])
    const all = await ledger.run('list', '--namespace', 'list')
    t.is(all.err, '')
    t.is(all.code, 0)
    t.false(all.out.includes('CANARY'))
    t.false(all.out.includes('\u001B'), 'nothing that a terminal obeys, and no colour where there is none')
    const [titles = '', ...rows] = all.lines
    t.deepEqual(cells(titles), ['ID', 'STATE', 'REASON', 'TOPIC', 'GROUP', 'DATA ID', 'RETRIES', 'DUE', 'ERROR'])
    const due = rows.map((row) => /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/.exec(row)?.[0] ?? '')
    t.deepEqual(rows.map(cells), [
      [ids[0], 'scheduled', 'failed', 'orders', 'billing', '1', '1', due[0], String.raw`RangeError: no \x1b[31mstock`],
      // 15 characters of two columns, and the ellipsis, are within 32 columns.
      [ids[1], 'dead', 'failed', 'orders', '-', `${'订'.repeat(15)}…`, '1', due[1]],
      [ids[2], 'dead', 'failed', 'payments', '-', '3', '1', due[2]],
    ])
    t.is(retriesAt(rows[1] ?? ''), retriesAt(rows[2] ?? ''), 'what stands behind wide characters is aligned')

    const first = await ledger.run('list', '--namespace', 'list', '--limit', '2')
    t.is(first.lines.length, 3)
    const [, cursor = ''] = /^there may be more: --cursor (\S+)\n$/.exec(first.err) ?? []
    const second = await ledger.run('list', '--namespace', 'list', '--cursor', cursor)
    t.deepEqual([second.lines.map((line) => cells(line)[0]), second.err], [['ID', ids[2]], ''])
    const forged = await ledger.run('list', '--namespace', 'list', '--cursor', '1.0000')
    t.deepEqual([forged.code, forged.err.includes('KER_ARGUMENT')], [2, true])
  })

  on(`${name}: list --json is one line for each entry, with the names of the API`, async (t) => {
    const error = Object.assign(new TypeError('boom'), { code: 'E_STOCK' })
    const [id = ''] = await ledger.fill('json', [
      { dataId: 'a', key: 'k', value: 'CANARY-1', headers: { trace: 'CANARY-2', none: null }, error },
      { dataId: 'b', value: null },
    ])
    const { lines, err } = await ledger.run('list', '--json', '--limit', '1', '--namespace', 'json')
    t.is(lines.length, 1)
    t.deepEqual(Object.keys(JSON.parse(err) as object), ['cursor'])
    const {
      life,
      policy: _,
      dueAt,
      firstFailedAt,
      lastFailedAt,
      ...entry
    } = JSON.parse(lines[0] ?? '') as Record<string, any>
    t.regex(life, /^[0-9a-f]{32}$/)
    for (const time of [dueAt, firstFailedAt, lastFailedAt]) t.is(new Date(time).toISOString(), time)
    t.is(entry['error'].stack.split('\n')[0], 'TypeError: boom')
    delete entry['error'].stack
    t.deepEqual(entry, {
      id,
      namespace: 'json',
      groupId: '',
      topic: 'orders',
      dataId: 'a',
      state: 'dead',
      reason: 'failed',
      retryCount: 1,
      generation: '0',
      redelivery: 'original',
      error: { class: 'TypeError', message: 'boom', code: 'E_STOCK' },
      message: {
        partition: null,
        offset: null,
        timestamp: null,
        key: { bytes: 1, sha256: sha256('k') },
        value: { bytes: 8, sha256: sha256('CANARY-1') },
        headers: [
          { name: 'trace', value: { bytes: 8, sha256: sha256('CANARY-2') } },
          { name: 'none', value: null },
        ],
      },
    })
  })

  on(`${name}: every filter of list narrows it`, async (t) => {
    await ledger.fill('filters', [
      { dataId: '1', policy: waiting },
      { dataId: '2', groupId: 'billing' },
      { dataId: '3', topic: 'payments' },
    ])
    const found = async (...flags: string[]) => {
      const { lines, code, err } = await ledger.run('list', '--json', '--namespace', 'filters', ...flags)
      t.is(code, 0, err)
      return lines.map((line) => (JSON.parse(line) as { dataId: string }).dataId)
    }
    t.deepEqual(await found('--topic', 'payments'), ['3'])
    t.deepEqual(await found('--group', 'billing'), ['2'])
    t.deepEqual(await found('--group', ''), ['1', '3'])
    t.deepEqual(await found('--data-id', '2'), ['2'])
    t.deepEqual(await found('--state', 'dead', '--reason', 'failed'), ['2', '3'])
    t.deepEqual(await found('--older-than', '1h'), [])
    t.deepEqual(await found('--failed-before', new Date(Date.now() + 3_600_000).toISOString()), ['1', '2', '3'])
    const { lines } = await ledger.run('list', '--json', '--namespace', 'nobody')
    t.deepEqual(lines, [])
  })

  on(`${name}: show has the error, and the payload only when it is asked for`, async (t) => {
    const binary = Buffer.from([0xff, 0x00])
    const error = new TypeError('no stock\nin Basel')
    const [id = ''] = await ledger.fill('show', [
      { dataId: 'a', key: 'k', value: 'CANARY\u001B[2J\nzwei', headers: { sign: binary }, error },
    ])
    const hidden = await ledger.run('show', id, '--namespace', 'show')
    t.is(hidden.code, 0, hidden.err)
    t.false(hidden.out.includes('CANARY'))
    const has = (line: string) => t.true(hidden.lines.includes(line), `${line}\n${hidden.out}`)
    has(`id            ${id}`)
    has('state         dead')
    has('namespace     show')
    has(`key           1 byte, sha256 ${sha256('k')}`)
    has(`header sign   2 bytes, sha256 ${sha256(binary)}`)
    has(`value         15 bytes, sha256 ${sha256('CANARY\u001B[2J\nzwei')}`)
    has('error         TypeError: no stock')
    has('              in Basel')

    const shown = await ledger.run('show', id, '--namespace', 'show', '--payload')
    t.true(shown.out.includes('\n              CANARY\\x1b[2J\n              zwei\n'), shown.out)
    t.true(shown.out.includes(', base64\n              /wA=\n'), shown.out)

    const json = await ledger.run('show', id, '--namespace', 'show', '--payload', '--json')
    const { message } = JSON.parse(json.out) as { message: object }
    t.like(message, {
      key: { bytes: 1, sha256: sha256('k'), text: 'k' },
      value: { bytes: 15, sha256: sha256('CANARY\u001B[2J\nzwei'), text: 'CANARY\u001B[2J\nzwei' },
      headers: [{ name: 'sign', value: { bytes: 2, sha256: sha256(binary), base64: '/wA=' } }],
    })
    const elsewhere = await ledger.run('show', id, '--namespace', 'list')
    t.deepEqual([elsewhere.code, elsewhere.err], [1, `kafka-error-retry: there is no entry ${id}\n`])
  })

  on(`${name}: requeue by ids does it at once, and fails when one of them is not there`, async (t) => {
    const space = ['--namespace', 'requeue']
    const [first = '', second = '', third = ''] = await ledger.fill('requeue', [
      { dataId: '1' },
      { dataId: '2' },
      { dataId: '3', policy: waiting },
    ])
    await ledger.handled('requeue', (handler) => handler.entries.hold(third))
    const tried = await ledger.run('requeue', first, '--dry-run', ...space)
    t.deepEqual([tried.code, tried.out], [0, 'would requeue 1 entry\n'])
    const done = await ledger.run('requeue', first, third, ...space)
    t.deepEqual([done.code, done.out, done.err], [0, 'requeued 2 entries\n', ''])
    t.deepEqual(await ledger.stored('requeue'), [
      ['1', 'scheduled'],
      ['2', 'dead'],
      ['3', 'scheduled'],
    ])
    const partly = await ledger.run('requeue', first, second, '999999999', '--redelivery', 'original', ...space)
    t.deepEqual([partly.code, partly.out], [1, 'requeued 1 entry\n'])
    t.is(partly.err, 'kafka-error-retry: 2 entries of those that were named: unknown, or not dead or held\n')
  })

  on(`${name}: a filter is counted and refused without --yes, and done with it`, async (t) => {
    const space = ['--namespace', 'filter']
    const payment = { topic: 'payments' }
    const [oldest = ''] = await ledger.fill('filter', [
      { dataId: '0', policy: waiting, ...payment },
      { dataId: '1' },
      { dataId: '2' },
      { dataId: '3', ...payment },
    ])
    await ledger.handled('filter', (handler) => handler.entries.hold(oldest))
    const refused = await ledger.run('discard', '--topic', 'orders', ...space)
    t.deepEqual([refused.code, refused.out], [2, ''])
    t.is(
      refused.err,
      'kafka-error-retry: this would discard 2 entries: topic orders. Give --yes to do it, --dry-run to look\n',
    )
    t.is((await ledger.run('discard', '--topic', 'orders', '--dry-run', ...space)).out, 'would discard 2 entries\n')
    t.is((await ledger.stored('filter')).length, 4)
    const one = await ledger.run('requeue', '--limit', '1', '--all', '--yes', '--json', ...space)
    t.deepEqual(JSON.parse(one.out), { command: 'requeue', dryRun: false, count: 1 })
    t.deepEqual(await ledger.stored('filter'), [
      ['0', 'scheduled'],
      ['1', 'dead'],
      ['2', 'dead'],
      ['3', 'dead'],
    ])
    t.is((await ledger.run('discard', '--topic', 'orders', '--yes', ...space)).out, 'discarded 2 entries\n')
    t.deepEqual(await ledger.stored('filter'), [
      ['0', 'scheduled'],
      ['3', 'dead'],
    ])
    const none = await ledger.run('discard', '--topic', 'nobody', ...space)
    t.deepEqual([none.code, none.out], [0, 'discarded 0 entries\n'], 'nothing matches, so nothing is asked')
  })

  on(`${name}: purge takes dead entries of its namespace, and everything only with --all`, async (t) => {
    await ledger.fill('purge', [{ dataId: '1', policy: waiting }, { dataId: '2', policy: dead }, { dataId: '3' }])
    await ledger.fill('purge-beside', [{ dataId: '4' }])
    const refused = await ledger.run('purge', '--yes', '--namespace', 'purge')
    t.deepEqual([refused.code, refused.err], [2, 'kafka-error-retry: purge needs ids, a filter or --all\n'])
    const wrong = await ledger.run('purge', '--yes', '--state', 'scheduled', '--namespace', 'purge')
    t.deepEqual([wrong.code, wrong.err], [2, 'kafka-error-retry: purge is for entries that are dead\n'])
    const done = await ledger.run('purge', '--yes', '--all', '--namespace', 'purge')
    t.deepEqual([done.code, done.out], [0, 'purged 2 entries\n'])
    t.deepEqual(await ledger.stored('purge'), [['1', 'scheduled']])
    t.deepEqual(await ledger.stored('purge-beside'), [['4', 'dead']])
  })
}

// TLS to the database, against servers that show good and bad certificates. Servers of their own, because only they
// are restarted with another certificate.
import test, { type ExecutionContext } from 'ava'

import { KafkaErrorHandler, type DatabaseOptions, type KafkaRetryError } from '../index.js'
import { certificateAuthority, selfSigned, tlsFiles } from '../scripts/services/certificates.mjs'
import * as mariadb from '../scripts/services/mariadb.mjs'
import * as postgres from '../scripts/services/postgres.mjs'
import { isInstalled } from './suites/bench.js'
import { Eavesdropper } from './suites/eavesdropper.js'
import { startMockCluster } from './suites/mock-cluster.js'

const cluster = startMockCluster()
test.after.always('the brokers end', () => cluster.close())

const hosts = ['localhost', '127.0.0.1']
const authority = certificateAuthority()
const good = authority.issue({ hosts })
const ca = authority.pem

// It is this machine, but not one of the names that the rule about loopback knows.
const elsewhere = 'LOCALHOST'

const bad = {
  'one that nobody vouches for': selfSigned({ hosts }),
  'one of another authority': certificateAuthority('somebody else').issue({ hosts }),
  'one for another host': authority.issue({ hosts: ['db.example.com'] }),
  'an expired one': authority.issue({ hosts, expired: true }),
}

const kinds = [
  { name: 'mariadb', type: 'mysql', server: mariadb, username: 'root', password: 'root' },
  { name: 'postgres', type: 'postgres', server: postgres, username: 'postgres', password: 'postgres' },
] as const

/** What `initialize()` and one failure come to; the warnings that were told meanwhile. */
async function attempt(
  t: ExecutionContext,
  db: Partial<DatabaseOptions>,
): Promise<{ error?: KafkaRetryError; warnings: string[] }> {
  const handler = new KafkaErrorHandler({
    db: { database: 'ker-tls', ...db } as DatabaseOptions,
    kafka: { brokers: cluster.bootstrapServers },
    connectTimeout: 30_000,
    pushTimeout: 30_000,
    logger: false,
  })
  const warnings: string[] = []
  handler.on('warning', ({ code }) => void warnings.push(code))
  try {
    await handler.initialize()
    const { id } = await handler.pushError({ topic: 'orders', value: 'v', dataId: 'a' })
    t.regex(id, /^\d+$/)
    return { warnings }
  } catch (error) {
    return { error: error as KafkaRetryError, warnings }
  } finally {
    await handler.close()
  }
}

/** The documented code, and a message that says which option to look at. */
function refused(t: ExecutionContext, outcome: { error?: KafkaRetryError }, what: string): void {
  const { error } = outcome
  t.is(error?.code, 'KER_STORE', what)
  t.regex(error?.message ?? '', /db\.tls/, what)
  t.like(error?.details, { kind: 'tls' }, what)
}

for (const { name, type, server: kind, username, password } of kinds) {
  if (!isInstalled(name)) continue

  test.serial(`${name}: with TLS asked for, only a certificate that can be verified is good enough`, async (t) => {
    const server = await kind.start({ tls: { ca, ...good } })
    t.teardown(() => server.stop())
    const of = (db: Partial<DatabaseOptions>) =>
      attempt(t, { type, port: server.port, username, password, host: 'localhost', ...db })

    for (const host of hosts) t.is((await of({ host, tls: { ca } })).error, undefined, host)
    t.is((await of({})).error, undefined, 'on this machine nothing has to be said')
    t.is((await of({ host: elsewhere, tls: { ca } })).error, undefined)
    refused(t, await of({ tls: true }), 'the roots of Mozilla do not vouch for it')
    refused(t, await of({ host: elsewhere }), 'another machine is verified by default')

    for (const [what, certificate] of Object.entries(bad)) {
      await server.restart({ files: tlsFiles(certificate) })
      refused(t, await of({ tls: { ca } }), what)
      refused(t, await of({ host: elsewhere, tls: { ca } }), what)
      t.is((await of({ tls: { ca, rejectUnauthorized: false } })).error, undefined, `${what}, and any is taken`)
    }
  })

  test.serial(`${name}: a server that seems to have no TLS gets no login where TLS was asked for`, async (t) => {
    const server = await kind.start({ tls: { ca, ...good } })
    t.teardown(() => server.stop())
    const through = async (db: Partial<DatabaseOptions>, downgrade?: typeof type) => {
      const ear = await Eavesdropper.start(server.port, downgrade)
      try {
        const all = { type, port: ear.port, username, password, host: 'localhost', ...db }
        return { ...(await attempt(t, all)), isPlain: ear.heard.includes(`${username}\0`), ear }
      } finally {
        await ear.stop()
      }
    }
    const untouched = await through({ tls: { ca } })
    t.is(untouched.error, undefined)
    t.false(untouched.isPlain, 'and really encrypted')

    for (const db of [{ tls: { ca } }, { tls: true }, { host: elsewhere }, { tls: { rejectUnauthorized: false } }]) {
      const downgraded = await through(db, type)
      refused(t, downgraded, JSON.stringify(db))
      t.true(downgraded.ear.connections > 0)
      t.false(downgraded.isPlain, 'not even the user name left this machine')
    }
    t.true((await through({}, type)).isPlain, 'on this machine TLS is taken when there is some')

    const plain = await through({ host: elsewhere, tls: false })
    t.is(plain.error, undefined)
    t.true(plain.isPlain)
    t.deepEqual(
      plain.warnings.filter((code) => code === 'insecureTransport'),
      ['insecureTransport'],
      'told once',
    )
  })

  test.serial(`${name}: a client shows its own certificate`, async (t) => {
    const server = await kind.start({ tls: { ca, ...good } })
    t.teardown(() => server.stop())
    if (type === 'mysql') await certifiedInMariaDb(server.url)
    else await certifiedInPostgres(server)
    const own = authority.issue({ name: 'ker_certified' })
    const strange = certificateAuthority('somebody else').issue({ name: 'ker_certified' })
    const of = (tls: object) =>
      attempt(t, { type, port: server.port, username: 'ker_certified', password: 'secret', host: 'localhost', tls })
    t.is((await of({ ca, ...own })).error, undefined)
    t.truthy((await of({ ca })).error)
    t.truthy((await of({ ca, ...strange })).error)
  })
}

async function certifiedInMariaDb(url: string): Promise<void> {
  const account = "ker_certified@'127.0.0.1'"
  await mariadb.sql(url, `CREATE USER ${account} IDENTIFIED BY 'secret' REQUIRE X509; GRANT ALL ON *.* TO ${account}`)
}

async function certifiedInPostgres(server: Awaited<ReturnType<typeof postgres.start>>): Promise<void> {
  const file = `${server.folder}/hba.conf`
  const rules = ['hostssl all ker_certified all scram-sha-256 clientcert=verify-full', 'host all all all scram-sha-256']
  const url = `${server.url}/postgres`
  await postgres.sql(url, "CREATE USER ker_certified PASSWORD 'secret' CREATEDB")
  await postgres.sql(url, `COPY (VALUES ${rules.map((rule) => `('${rule}')`).join(', ')}) TO '${file}'`)
  await postgres.sql(url, `ALTER SYSTEM SET hba_file = '${file}'`)
  await server.restart()
}

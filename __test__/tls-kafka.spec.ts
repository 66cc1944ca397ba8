// TLS, logins and refusals by a real broker: one of its own, with a listener for each certificate.
import test, { type ExecutionContext } from 'ava'
import { inspect } from 'node:util'
import kafkajs from 'kafkajs'

import { KafkaErrorHandler, type HandlerOptions, type KafkaOptions, type KafkaRetryError } from '../index.js'
import { certificateAuthority, selfSigned } from '../scripts/services/certificates.mjs'
import { start } from '../scripts/services/kafka.mjs'
import { eventually, isInstalled } from './suites/bench.js'

const hosts = ['localhost', '127.0.0.1']
const authority = certificateAuthority()
const ca = authority.pem
const good = authority.issue({ hosts })
const logins = { alice: 'pw-of-alice', limited: 'pw-of-limited' }

const bad = {
  SELF_SIGNED: selfSigned({ hosts }),
  STRANGER: certificateAuthority('somebody else').issue({ hosts }),
  WRONG_HOST: authority.issue({ hosts: ['kafka.example.com'] }),
  EXPIRED: authority.issue({ hosts, expired: true }),
}

const listeners = [
  { name: 'GOOD', certificate: good },
  ...Object.entries(bad).map(([name, certificate]) => ({ name, certificate })),
  { name: 'MUTUAL', certificate: good, clientsNeed: ca },
  { name: 'LOGIN', logins },
  { name: 'LOGIN_TLS', certificate: good, logins },
]

const authorizer = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS;User:alice',
  'allow.everyone.if.no.acl.found': true,
}

// A client that is turned away tries again until its time is over, so that a short one saves time where all is bad.
const patience = { good: 60_000, bad: 4_000 }

let broker: Awaited<ReturnType<typeof start>>
const at = (name: string) => `127.0.0.1:${broker.ports[name]}`

function handlerOf(kafka: KafkaOptions, further: Partial<HandlerOptions> = {}): KafkaErrorHandler {
  const common = { requireKafka: true, connectTimeout: patience.good, policy: { maxDelay: 5 }, logger: false } as const
  return new KafkaErrorHandler({ db: 'memory:', kafka, ...common, ...further })
}

/**
 * What `initialize()` comes to where a broker is required. On a busy machine the time may be over before the broker has
 * said anything; then it is asked again.
 */
async function attempt(kafka: KafkaOptions, most = 5): Promise<KafkaRetryError | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      const handler = handlerOf(kafka, { connectTimeout: patience.bad * tries })
      await handler.initialize().finally(() => handler.close())
      return undefined
    } catch (error) {
      const heardNothing = /Local: Broker transport failure|Local: Timed out/.test((error as Error).message)
      if (!heardNothing || tries === most) return error as KafkaRetryError
    }
  }
}

function refused(t: ExecutionContext, error: KafkaRetryError | undefined, kind: 'auth' | 'tls', what: string): void {
  t.is(error?.code, 'KER_KAFKA_AUTH', `${what}: ${error?.message}`)
  t.is(error?.retriable, false)
  t.like(error?.details, { kind }, what)
  t.regex(error?.message ?? '', kind === 'tls' ? /see kafka\.ssl$/ : /see kafka\.sasl$/, what)
  t.false(JSON.stringify([error, error?.message, error?.stack]).includes('pw-of'), what)
}

const login = (mechanism: string, password = 'pw-of-alice', username = 'alice') => ({ mechanism, username, password })

/** A failure that goes to the broker and is acknowledged there. */
async function redelivers(t: ExecutionContext, kafka: KafkaOptions): Promise<void> {
  const topic = 'secured'
  const handler = handlerOf({ ...kafka, topics: [topic], partitions: 1, replicas: 1 })
  try {
    await handler.initialize()
    await handler.pushError({ topic, value: 'v', dataId: 'a' })
    await eventually(async () => (await handler.sweep()).delivered === 1)
    t.pass()
  } finally {
    await handler.close()
  }
}

if (isInstalled('kafka')) {
  test.before('a broker with its listeners', async () => {
    broker = await start({ listeners, accounts: logins, properties: authorizer, say: () => undefined })
  })
  test.after.always('and its end', async () => broker?.stop())

  test('with TLS on, only a certificate that can be verified is good enough', async (t) => {
    await redelivers(t, { brokers: at('GOOD'), ssl: { ca } })
    await redelivers(t, { brokers: at('EXPIRED'), ssl: { ca, rejectUnauthorized: false } })
    const cases: [what: string, kafka: KafkaOptions][] = [
      ['the roots of the system do not vouch for it', { brokers: at('GOOD'), ssl: true }],
      ...Object.keys(bad).map((name): [string, KafkaOptions] => [name, { brokers: at(name), ssl: { ca } }]),
    ]
    const errors = await Promise.all(cases.map(([, kafka]) => attempt(kafka)))
    for (const [index, [what]] of cases.entries()) refused(t, errors[index], 'tls', what)
  })

  test('a broker without TLS is not taken where TLS was asked for, nor the other way round', async (t) => {
    const [downgraded, plain] = await Promise.all([
      attempt({ brokers: broker.brokers, ssl: { ca } }),
      // Nothing is ever heard of a broker that waits for the other side to begin TLS.
      attempt({ brokers: at('GOOD') }, 1),
    ])
    for (const error of [downgraded, plain]) t.is(error?.code, 'KER_KAFKA', 'to a client it is a lost connection')
    t.regex(downgraded?.message ?? '', /see kafka\.ssl$/)
  })

  test('a client shows its own certificate, with an encrypted key', async (t) => {
    const own = authority.issue({ name: 'service', passphrase: 'secret' })
    await redelivers(t, { brokers: at('MUTUAL'), ssl: { ca, ...own, passphrase: 'secret' } })
    const stranger = certificateAuthority('somebody else').issue({ name: 'service' })
    const [without, strange, locked] = await Promise.all([
      attempt({ brokers: at('MUTUAL'), ssl: { ca } }),
      attempt({ brokers: at('MUTUAL'), ssl: { ca, ...stranger } }),
      attempt({ brokers: at('MUTUAL'), ssl: { ca, ...own, passphrase: 'wrong' } }),
    ])
    for (const error of [without, strange]) t.regex(error?.message ?? '', /see kafka\.ssl$/)
    t.is(locked?.code, 'KER_CONFIG')
  })

  const mechanisms = ['plain', 'scram-sha-256', 'SCRAM-SHA-512'] as const

  test('the right password is let in by PLAIN and by both kinds of SCRAM, with and without TLS', async (t) => {
    const cases = mechanisms.flatMap((mechanism) => [
      { brokers: at('LOGIN'), sasl: login(mechanism) },
      { brokers: at('LOGIN_TLS'), ssl: { ca }, sasl: login(mechanism) },
    ])
    for (const kafka of cases) await redelivers(t, kafka as KafkaOptions)
  })

  test('a wrong password is told as such, and no part of it is shown', async (t) => {
    const cases = mechanisms.flatMap((mechanism) => [
      { brokers: at('LOGIN'), sasl: login(mechanism, 'pw-of-nobody') },
      { brokers: at('LOGIN_TLS'), ssl: { ca }, sasl: login(mechanism, 'pw-of-nobody') },
    ])
    const errors = await Promise.all(cases.map((kafka) => attempt(kafka as KafkaOptions)))
    for (const [index, error] of errors.entries()) refused(t, error, 'auth', `case ${index}`)
  })

  test('what librdkafka says of a login at its loudest shows no password', async (t) => {
    const lines: string[] = []
    const own = authority.issue({ name: 'service', passphrase: 'pw-of-key' })
    const ssl = { ca, ...own, passphrase: 'pw-of-key' }
    const loud = { logLevel: 'debug', logger: (line: unknown) => void lines.push(inspect(line)) } as const
    const all = mechanisms.flatMap((mechanism) => [
      { sasl: login(mechanism), connectTimeout: patience.good },
      { sasl: login(mechanism, 'pw-of-nobody'), connectTimeout: patience.bad },
    ])
    await Promise.all(
      all.map(async ({ sasl, connectTimeout }) => {
        const kafka = { brokers: at('LOGIN_TLS'), ssl, sasl, librdkafka: { debug: 'all' } } as KafkaOptions
        const handler = handlerOf(kafka, { ...loud, connectTimeout })
        await handler.initialize().catch((error: unknown) => lines.push(inspect(error, { depth: 9 })))
        await handler.close()
      }),
    )
    t.true(lines.some((line) => line.includes('SASL')) && lines.length > 500, `${lines.length} lines`)
    const secrets = [
      'pw-of',
      Buffer.from('\0alice\0pw-of').toString('base64').slice(0, 12),
      own.key.split('\n')[1] ?? '',
    ]
    t.deepEqual(
      lines.filter((line) => secrets.some((secret) => line.includes(secret))),
      [],
    )
  })

  test('where a broker is not required, a refused login is a warning, and failures are stored', async (t) => {
    const sasl = login('plain', 'pw-of-nobody') as NonNullable<KafkaOptions['sasl']>
    const warnings: { code: string; details: { kind?: string } }[] = []
    // As above: who does not insist on a broker waits 2 s for its first word.
    await eventually(async () => {
      const handler = handlerOf({ brokers: at('LOGIN'), sasl }, { requireKafka: false })
      handler.on('warning', (warning) => void warnings.push(warning))
      await handler.initialize()
      await handler.pushError({ topic: 'orders', value: 'v', dataId: 'a' })
      t.is(await handler.entries.count(), 1)
      await handler.close()
      return warnings.some(({ code, details }) => code === 'brokerUnavailable' && details.kind === 'auth')
    })
    t.false(JSON.stringify(warnings).includes('pw-of'))
  })

  test('a copy that may not be written is kept, costs no attempt, and goes out once it may', async (t) => {
    const admin = new kafkajs.Kafka({ brokers: [broker.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
    await admin.connect()
    t.teardown(() => admin.disconnect())
    const topic = 'refused'
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
    const seen = { topic, principal: 'User:limited' }
    await admin.createAcls({ acl: [rule(seen, kafkajs.AclOperationTypes.DESCRIBE)] })

    const sasl = login('scram-sha-256', 'pw-of-limited', 'limited') as NonNullable<KafkaOptions['sasl']>
    const handler = handlerOf({ brokers: at('LOGIN'), sasl })
    t.teardown(() => handler.close())
    const failed: { outcome: string; code: string; message: string }[] = []
    handler.on('deliveryFailed', (event) => void failed.push(event))
    await handler.initialize()
    const { id } = await handler.pushError({ topic, value: 'v', dataId: 'a' })
    await eventually(async () => (await handler.sweep()).givenBack === 1)
    t.like(await handler.entries.get(id), { state: 'scheduled', retryCount: 1 })
    await eventually(async () => failed.length > 0)
    t.like(failed[0], { outcome: 'not_done', code: 'TOPIC_AUTHORIZATION_FAILED' })

    await admin.createAcls({ acl: [rule(seen, kafkajs.AclOperationTypes.WRITE)] })
    await eventually(async () => (await handler.sweep()).delivered === 1)
    t.like(await handler.entries.get(id), { state: 'awaiting', retryCount: 1 }, 'no attempt was spent on it')
  })
}

function rule({ topic, principal }: { topic: string; principal: string }, operation: kafkajs.AclOperationTypes) {
  return {
    resourceType: kafkajs.AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
    principal,
    host: '*',
    operation,
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
  }
}

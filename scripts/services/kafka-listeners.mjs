// Further listeners of a private Kafka: TLS with a certificate of their own, logins, or both.
import path from 'node:path'
import { freePort } from './free-port.mjs'

/**
 * Each of `wanted` is `{ name, certificate?, clientsNeed?, logins? }`: `certificate` is `{ cert, key }`, `clientsNeed` the
 * PEM of the authority whose certificates clients must show, and `logins` turns SASL on (PLAIN by that table of names
 * and passwords; SCRAM by the accounts of the broker). What is returned goes into server.properties and its folder.
 */
export async function furtherListeners(wanted, plain, controller) {
  const ports = {}
  const files = {}
  const all = []
  for (const one of wanted) {
    const port = (ports[one.name] = await freePort())
    all.push({ ...one, address: `${one.name}://127.0.0.1:${port}`, protocol: protocolOf(one) })
    if (one.certificate) files[`${one.name}.pem`] = `${one.certificate.key}${one.certificate.cert}`
    if (one.clientsNeed) files[`${one.name}-clients.pem`] = one.clientsNeed
  }
  const addresses = all.map(({ address }) => address)
  const properties = (folder) => ({
    listeners: [plain, controller, ...addresses].join(','),
    'advertised.listeners': [plain, ...addresses].join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': [
      'PLAINTEXT:PLAINTEXT',
      'CONTROLLER:PLAINTEXT',
      ...all.map(({ name, protocol }) => `${name}:${protocol}`),
    ].join(','),
    ...Object.assign({}, ...all.map((one) => settingsOf(one, folder))),
  })
  return { ports, files, properties }
}

function protocolOf({ certificate, logins }) {
  return `${logins ? 'SASL_' : ''}${certificate ? 'SSL' : 'PLAINTEXT'}`
}

function settingsOf({ name, certificate, clientsNeed, logins }, folder) {
  const settings = {}
  if (certificate) {
    settings['ssl.keystore.type'] = 'PEM'
    settings['ssl.keystore.location'] = path.join(folder, `${name}.pem`)
  }
  if (clientsNeed) {
    settings['ssl.client.auth'] = 'required'
    settings['ssl.truststore.type'] = 'PEM'
    settings['ssl.truststore.location'] = path.join(folder, `${name}-clients.pem`)
  }
  if (logins) {
    const users = Object.entries(logins).map(([user, password]) => ` user_${user}="${password}"`)
    const modules = 'org.apache.kafka.common.security'
    settings['sasl.enabled.mechanisms'] = 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512'
    settings['plain.sasl.jaas.config'] = `${modules}.plain.PlainLoginModule required${users.join('')};`
    for (const mechanism of ['scram-sha-256', 'scram-sha-512']) {
      settings[`${mechanism}.sasl.jaas.config`] = `${modules}.scram.ScramLoginModule required;`
    }
  }
  const own = Object.entries(settings)
  return Object.fromEntries(own.map(([key, value]) => [`listener.name.${name.toLowerCase()}.${key}`, value]))
}

/** Arguments that give the broker accounts for SCRAM when its folder is made. */
export function scramAccounts(accounts) {
  return Object.entries(accounts).flatMap(([user, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name="${user}",password="${password}"]`,
    ]),
  )
}

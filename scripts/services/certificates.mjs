// Certificates for private servers, good ones and bad ones. Written byte by byte, because no two versions of a
// command-line tool agree on how to make an expired one.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

const DAY_MS = 86_400_000
const ecdsaWithSha256 = sequence(objectId(1, 2, 840, 10_045, 4, 3, 2))

/** Somebody who signs: `pem` is what clients trust, `issue` makes a certificate with its key (PKCS #8). */
export function certificateAuthority(name = 'kafka-error-retry test authority') {
  const keys = newKeys()
  const extensions = [
    extension([2, 5, 29, 19], sequence(der(0x01, Buffer.from([0xff]))), true), // basicConstraints: may sign
    extension([2, 5, 29, 15], der(0x03, Buffer.from([0x02, 0x04])), true), // keyUsage: keyCertSign
  ]
  const pem = certificate({ name, issuer: name, keys, signer: keys, extensions })
  return {
    pem,
    issue: (wishes) => issued(wishes, { issuer: name, signer: keys }),
  }
}

/** A certificate that nobody vouches for. */
export function selfSigned(wishes) {
  const keys = newKeys()
  return issued(wishes, { issuer: commonName(wishes), signer: keys, keys })
}

/** The files of a server that has these. */
export function tlsFiles({ ca, cert, key }) {
  return { ...(ca && { 'ca.pem': ca }), 'cert.pem': cert, 'key.pem': key }
}

/** `hosts` are names and addresses; `expired`: it was good until yesterday; `passphrase` encrypts the key. */
function issued(wishes, { issuer, signer, keys = newKeys() }) {
  const { hosts = [], expired = false, passphrase } = wishes
  const extensions = hosts.length > 0 ? [extension([2, 5, 29, 17], sequence(...hosts.map(alternativeName)))] : []
  const cert = certificate({ name: commonName(wishes), issuer, keys, signer, extensions, expired })
  const encrypted = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
  return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem', ...encrypted }) }
}

function commonName({ name, hosts = [] }) {
  return name ?? hosts[0] ?? 'nobody'
}

function newKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
}

function certificate({ name, issuer, keys, signer, extensions, expired = false }) {
  const end = Date.now() + (expired ? -DAY_MS : 30 * DAY_MS)
  const content = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    ecdsaWithSha256,
    distinguishedName(issuer),
    sequence(utcTime(end - 60 * DAY_MS), utcTime(end)),
    distinguishedName(name),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  )
  const signature = sign('sha256', content, signer.privateKey)
  const whole = sequence(content, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = whole.toString('base64').match(/.{1,64}/g)
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function distinguishedName(text) {
  return sequence(der(0x31, sequence(objectId(2, 5, 4, 3), der(0x0c, Buffer.from(text)))))
}

function alternativeName(host) {
  if (!isIP(host)) return der(0x82, Buffer.from(host))
  if (isIP(host) === 6) throw new Error('only IPv4 addresses are written')
  return der(0x87, Buffer.from(host.split('.').map(Number)))
}

function extension(id, value, isCritical = false) {
  const critical = isCritical ? [der(0x01, Buffer.from([0xff]))] : []
  return sequence(objectId(...id), ...critical, der(0x04, value))
}

function utcTime(milliseconds) {
  const digits = new Date(milliseconds).toISOString().replaceAll(/\D/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${digits}Z`))
}

function objectId(first, second, ...others) {
  const bytes = [first * 40 + second]
  for (const number of others) {
    const groups = [number & 0x7f]
    for (let rest = number >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return der(0x06, Buffer.from(bytes))
}

function integer(bytes) {
  return der(0x02, bytes)
}

function sequence(...parts) {
  return der(0x30, Buffer.concat(parts))
}

function der(tag, content) {
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  const significant = length.subarray(length.findIndex((byte) => byte > 0))
  return Buffer.concat([Buffer.from([tag, 0x80 | significant.length]), significant, content])
}

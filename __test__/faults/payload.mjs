// What the messages of the bench hold. Everything follows from the id, so that the checker knows each byte without asking
// the program that sent it.
import { createHash } from 'node:crypto'

/** Stands in every value; it must never appear in a log or an error. */
export const PAYLOAD_CANARY = 'CANARY-payload'
export const PASSWORD_CANARY = 'CANARY-pw-3f9c'
export const PARTITIONS = 4

const KINDS = ['object', 'array', 'text', 'binary', 'null key', 'empty key']

/** The message of an id: JSON objects (which get a mark), other JSON, text, bytes that are no text; odd keys. */
export function messageOf(topic, dataId) {
  const hash = createHash('sha256').update(dataId).digest()
  const kind = KINDS[hash[0] % KINDS.length]
  return {
    topic,
    dataId,
    key:
      { 'null key': null, 'empty key': '' }[kind] === undefined ? dataId : { 'null key': null, 'empty key': '' }[kind],
    value: valueOf(kind, dataId, hash),
    headers: [
      ['id', dataId],
      ['twice', 'a'],
      ['twice', Buffer.from([0, 255, hash[1]])],
    ],
    ...(hash[2] % 2 === 0 ? { partition: hash[3] % PARTITIONS } : {}),
  }
}

function valueOf(kind, dataId, hash) {
  if (kind === 'object')
    return `{"z":1.0,"id":${JSON.stringify(dataId)},"m":"${PAYLOAD_CANARY}","n":12345678901234567890}`
  if (kind === 'array') return `[1.0,${JSON.stringify(`${PAYLOAD_CANARY} ${dataId}`)}]`
  if (kind === 'binary') return Buffer.concat([hash, Buffer.from(PAYLOAD_CANARY), hash])
  return `${PAYLOAD_CANARY} ${dataId}`
}

/** The value as it must stand in a copy. */
export function valueOfCopy({ value }) {
  const text = value.toString('latin1')
  return Buffer.from(text.startsWith('{"z"') ? `${text.slice(0, -1)},"fromRetry":true}` : value)
}

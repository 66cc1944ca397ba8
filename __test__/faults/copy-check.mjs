// I9: what comes back is what was handed in, byte for byte, apart from the one mark and our own headers.
import { createHash } from 'node:crypto'
import { messageOf, valueOfCopy } from './payload.mjs'

const OURS = 'x-ker-'
const hash = (bytes) => (bytes === null ? null : createHash('sha256').update(bytes).digest('hex'))
const bytesOf = (text) => (text === null ? null : Buffer.from(text))

export function fidelity({ copies, topic }) {
  return copies.flatMap((copy) =>
    differences(copy, messageOf(topic, copy.id)).map((text) => ({ invariant: 'I9', id: copy.id, text })),
  )
}

function differences(copy, original) {
  const texts = []
  if (hash(copy.key) !== hash(bytesOf(original.key))) texts.push('another key')
  if (hash(copy.value) !== hash(valueOfCopy(original))) texts.push('another value')
  if (original.partition !== undefined && copy.partition !== original.partition) texts.push('another partition')
  const foreign = copy.headers.filter(([name]) => !name.startsWith(OURS))
  if (shown(foreign) !== shown(original.headers)) texts.push(`other headers: ${shown(foreign)}`)
  const ours = copy.headers.filter(([name]) => name.startsWith(OURS)).map(([name]) => name)
  const repeated = ours.filter((name, n) => ours.indexOf(name) !== n)
  if (repeated.length > 0) texts.push(`a header of ours stands there twice: ${repeated.join(', ')}`)
  if (!ours.includes(`${OURS}sum`)) texts.push('no sum')
  return texts
}

function shown(headers) {
  return headers
    .map(([name, value]) => `${name}=${value === null ? 'null' : Buffer.from(value).toString('hex')}`)
    .join(' ')
}

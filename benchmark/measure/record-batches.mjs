// How many record batches a topic's log holds: what one request of a producer carried for one partition.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { TOPIC } from './load.mjs'

/** Base offset and length of a batch come before all else in it. */
const LENGTH_AT = 8
const HEAD = 12

/** Counts those from the given offset of each partition on, in the data folder of a broker of this machine. */
export function recordBatches(dataFolder, from) {
  let count = 0
  for (const [partition, first] of from) {
    const folder = path.join(dataFolder, `${TOPIC}-${partition}`)
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.log'))) {
      const log = readFileSync(path.join(folder, file))
      // A segment is allocated ahead of what is written in some settings: zeros are no batch.
      for (let at = 0; at + HEAD <= log.length; at += HEAD + log.readUInt32BE(at + LENGTH_AT)) {
        if (log.readUInt32BE(at + LENGTH_AT) === 0) break
        if (log.readBigInt64BE(at) >= BigInt(first)) count++
      }
    }
  }
  return count
}

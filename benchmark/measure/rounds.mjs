import { median } from './numbers.mjs'

/**
 * Interleaved rounds: every contender once, then every contender again, so that whatever else the machine does meets all
 * of them. `play(contender)` is one round. Resolves with the round of each contender whose rate is the median.
 */
export async function interleaved({ rounds, contenders, play }) {
  const played = new Map(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) played.get(contender.name).push(await play(contender))
  }
  return Object.fromEntries(
    [...played].map(([name, all]) => {
      const middle = median(all.map(({ perSecond }) => perSecond))
      const chosen = all.find(({ perSecond }) => perSecond === middle)
      return [name, { ...chosen, rounds: all.map(({ perSecond }) => Math.round(perSecond * 10) / 10) }]
    }),
  )
}

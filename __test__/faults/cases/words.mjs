// What the cases have in common.
export const servers = ['mariadb', 'postgres']

export const pushed = ({ op, type }) => op === 'push' && type === 'ok'
export const isPush = ({ op }) => op === 'push'

/** Timings under which a lost lease shows within seconds. */
export const quick = { leaseTimeout: 3_000, pushTimeout: 2_000, outcomeTimeout: 60_000 }

/** Not all: a claim passes by a row that a neighbour's claim has just looked at, and takes it the next time. */
export const someLeased = (entries) => entries.some(({ state }) => state === 'leased')

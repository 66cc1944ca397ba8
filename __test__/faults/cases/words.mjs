// What the cases have in common.
export const servers = ['mariadb', 'postgres']

export const pushed = ({ op, type }) => op === 'push' && type === 'ok'
export const isPush = ({ op }) => op === 'push'

/** Timings under which a lost lease shows within seconds. */
export const quick = { leaseTimeout: 3_000, pushTimeout: 2_000, outcomeTimeout: 60_000 }

export const allLeased = (entries) => entries.length > 0 && entries.every(({ state }) => state === 'leased')

/** What is known of a trial; the lists hold what the modules beside this one read. */
export interface Facts {
  history: object[]
  copies: object[]
  entries: object[]
  audit: object[]
  outputs: { name: string; output: string }[]
  topic: string
  kills: number
  isFaulty: boolean
  retryCount: number
  latest?: number
}
export function check(facts: Facts): { invariant: string; id: string; text: string }[]

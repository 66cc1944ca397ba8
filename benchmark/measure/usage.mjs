// What a contender's own process uses; every contender answers these.
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'

export const usage = {
  /** CPU time while nobody calls it. */
  rest: async ({ seconds }) => {
    const cpu = process.cpuUsage()
    await pause(seconds * 1_000)
    const { user, system } = process.cpuUsage(cpu)
    return { cpuSeconds: (user + system) / 1e6 }
  },
  memory: () => ({ rss: process.memoryUsage.rss() }),
}

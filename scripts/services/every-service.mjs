import process from 'node:process'
import { installMissing } from './install.mjs'
import { start as startKafka } from './kafka.mjs'
import { start as startMariadb } from './mariadb.mjs'
import { start as startPostgres } from './postgres.mjs'

const services = [
  { name: 'mariadb', variable: 'KER_TEST_MYSQL_URL', start: startMariadb },
  { name: 'postgres', variable: 'KER_TEST_POSTGRES_URL', start: startPostgres },
  { name: 'kafka', variable: 'KER_TEST_BROKERS', start: startKafka },
]

/** The services that the environment already points at: a developer's own servers. */
export function servicesGiven() {
  return services.filter(({ variable }) => process.env[variable]).map(({ name }) => name)
}

/**
 * Starts every service that the environment does not already point at. What cannot be started is said and skipped:
 * `missing` are services whose programs are not installed, `failed` those that would not start.
 */
export async function startEveryService({ say, lacking = installMissing({ say, except: servicesGiven() }) }) {
  const given = servicesGiven()
  const wanted = services.filter(({ name }) => !given.includes(name))
  for (const name of given) say(`${name}: the one given by the environment`)
  const missing = wanted.map(({ name }) => name).filter((name) => lacking.some(({ service }) => service === name))
  const running = []
  const failed = []
  const environment = {}

  async function startOne({ name, variable, start }) {
    const begin = performance.now()
    try {
      const service = await start({ say })
      running.push(service)
      environment[variable] = service.url ?? service.brokers
      say(`${name}: ready on port ${service.port} after ${((performance.now() - begin) / 1_000).toFixed(1)} s`)
    } catch (error) {
      failed.push(name)
      say(`${name}: NOT STARTED: ${error.message}`)
    }
  }

  await Promise.all(wanted.filter(({ name }) => !missing.includes(name)).map(startOne))
  for (const name of missing) say(`${name}: MISSING, the tests that need it cannot run`)
  return { environment, missing, failed, stop: () => Promise.all(running.map((service) => service.stop())) }
}

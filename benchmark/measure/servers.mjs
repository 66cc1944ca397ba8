// The servers that the benches run against: those that KER_TEST_… names, else private ones started here.
import path from 'node:path'
import process from 'node:process'
import { start as startKafka } from '../../scripts/services/kafka.mjs'
import { start as startMariadb } from '../../scripts/services/mariadb.mjs'
import { start as startPostgres } from '../../scripts/services/postgres.mjs'

const servers = {
  mariadb: { variable: 'KER_TEST_MYSQL_URL', start: startMariadb, answer: 'url' },
  postgres: {
    variable: 'KER_TEST_POSTGRES_URL',
    // Counts statements, which PostgreSQL does not do by itself.
    start: (options) => startPostgres({ ...options, args: ['-c', 'shared_preload_libraries=pg_stat_statements'] }),
    answer: 'url',
  },
  kafka: { variable: 'KER_TEST_BROKERS', start: startKafka, answer: 'brokers' },
}

/** Resolves with the address of each wanted server, where our own broker has its log, and `stop` for those that were started. */
export async function startServers(names, say) {
  const started = []
  const addresses = {}
  await Promise.all(
    names.map(async (name) => {
      const { variable, start, answer } = servers[name]
      addresses[name] = process.env[variable]
      if (addresses[name]) return
      const server = await start({ say })
      started.push(server)
      addresses[name] = server[answer]
      if (name === 'kafka') addresses.kafkaData = path.join(server.folder, 'data')
    }),
  )
  return { addresses, stop: () => Promise.all(started.map((server) => server.stop())) }
}

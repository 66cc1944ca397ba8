import { execFile } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { startPrivateService } from './private-service.mjs'
import { requireProgram, serverAccount } from './programs.mjs'

const execute = promisify(execFile)

/** A private PgBouncer before the PostgreSQL on port `server`, sharing few connections between many transactions. */
export async function start({ server, folder, port, connections = 4 }) {
  const service = await startPrivateService('pgbouncer', {
    folder,
    port,
    account: serverAccount('postgres'),
    prepare: async ({ port, write }) => {
      write('users', '"postgres" "postgres"\n')
      write('pgbouncer.ini', settings(server, port, connections))
    },
    program: ({ folder }) => [requireProgram('pgbouncer'), path.join(folder, 'pgbouncer.ini')],
    answers,
  })
  service.url = `postgres://postgres:postgres@127.0.0.1:${service.port}`
  return service
}

// Clients name the database; what they send at the start is not handed on but for the one setting that nearly every
// installation lets through, because drivers send it.
const settings = (server, port, connections) => `[databases]
* = host=127.0.0.1 port=${server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = users
pool_mode = transaction
default_pool_size = ${connections}
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
server_round_robin = 1
`

async function answers(port) {
  const args = ['--host=127.0.0.1', `--port=${port}`, '--username=postgres', '--no-psqlrc', '--dbname=postgres']
  const options = { timeout: 5_000, env: { ...process.env, PGPASSWORD: 'postgres', PGCONNECT_TIMEOUT: '2' } }
  await execute(requireProgram('psql'), [...args, '--command=SELECT 1'], options)
}

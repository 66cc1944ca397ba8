import { execFile } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { startPrivateService } from './private-service.mjs'
import { requireProgram, serverAccount } from './programs.mjs'

const execute = promisify(execFile)

/** A private PostgreSQL; `args` are further options of postgres. */
export async function start({ folder, port, args = [] } = {}) {
  const service = await startPrivateService('postgres', {
    folder,
    port,
    account: serverAccount('postgres'),
    prepare: ({ folder, run, write }) => {
      write('password', 'postgres\n')
      return run(
        requireProgram('initdb'),
        `--pgdata=${path.join(folder, 'data')}`,
        '--username=postgres',
        `--pwfile=${path.join(folder, 'password')}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C', // else the language settings of whoever runs the tests would decide about the order of text
      )
    },
    program: ({ folder, port }) => [
      requireProgram('postgres'),
      '-D',
      path.join(folder, 'data'),
      '--listen_addresses=127.0.0.1',
      `--port=${port}`,
      '--unix_socket_directories=',
      ...args,
    ],
    answers,
    stopSignal: 'SIGINT', // "fast": does not wait for clients to leave
    endSignal: 'SIGQUIT', // "immediate": SIGKILL would leave its shared memory behind on the machine
  })
  service.url = `postgres://postgres:postgres@127.0.0.1:${service.port}`
  return service
}

async function answers(port) {
  const server = ['--host=127.0.0.1', `--port=${port}`, '--username=postgres']
  const options = { timeout: 5_000, env: { ...process.env, PGPASSWORD: 'postgres', PGCONNECT_TIMEOUT: '2' } }
  await execute(requireProgram('pg_isready'), server, options)
  await execute(requireProgram('psql'), [...server, '--no-psqlrc', '--dbname=postgres', '--command=SELECT 1'], options)
}

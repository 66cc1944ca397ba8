import { execFile } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { tlsFiles } from './certificates.mjs'
import { startPrivateService } from './private-service.mjs'
import { requireProgram, serverAccount } from './programs.mjs'

const execute = promisify(execFile)

/**
 * A private PostgreSQL; `args` are further options of postgres. With `tls` (`{ ca, cert, key }` as PEM) it offers TLS,
 * and `restart({ files: tlsFiles(other) })` makes it show another certificate.
 */
export async function start({ folder, port, args = [], tls } = {}) {
  const service = await startPrivateService('postgres', {
    folder,
    port,
    account: serverAccount('postgres'),
    files: tls && tlsFiles(tls),
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
      ...(tls
        ? ['--ssl=on', ...tlsSettings.map(([name, part]) => `--${name}=${path.join(folder, `${part}.pem`)}`)]
        : []),
      ...args,
    ],
    answers,
    stopSignal: 'SIGINT', // "fast": does not wait for clients to leave
    endSignal: 'SIGQUIT', // "immediate": SIGKILL would leave its shared memory behind on the machine
  })
  service.url = `postgres://postgres:postgres@127.0.0.1:${service.port}`
  return service
}

/** Runs statements as the owner of the server at `url`, in the database that the URL names. */
export async function sql(url, text) {
  const options = { timeout: 30_000, env: { ...process.env, PGCONNECT_TIMEOUT: '5' } }
  const given = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', `--command=${text}`]
  const { stdout } = await execute(requireProgram('psql'), [...given, url], options)
  return stdout
}

const tlsSettings = [
  ['ssl_ca_file', 'ca'],
  ['ssl_cert_file', 'cert'],
  ['ssl_key_file', 'key'],
]

async function answers(port) {
  const server = ['--host=127.0.0.1', `--port=${port}`, '--username=postgres']
  const options = { timeout: 5_000, env: { ...process.env, PGPASSWORD: 'postgres', PGCONNECT_TIMEOUT: '2' } }
  await execute(requireProgram('pg_isready'), server, options)
  await execute(requireProgram('psql'), [...server, '--no-psqlrc', '--dbname=postgres', '--command=SELECT 1'], options)
}

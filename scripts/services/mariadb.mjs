import { execFile } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { tlsFiles } from './certificates.mjs'
import { startPrivateService } from './private-service.mjs'
import { requireProgram, serverAccount } from './programs.mjs'

const execute = promisify(execFile)

/**
 * A private MariaDB; `args` are further options of mariadbd. With `tls` (`{ ca, cert, key }` as PEM) it offers TLS, and
 * `restart({ files: tlsFiles(other) })` makes it show another certificate.
 */
export async function start({ folder, port, args = [], tls } = {}) {
  const service = await startPrivateService('mariadb', {
    folder,
    port,
    account: serverAccount('mysql'),
    files: tls && tlsFiles(tls),
    prepare: ({ folder, run, write }) => {
      write('accounts.sql', ACCOUNTS)
      return run(
        requireProgram('mariadb-install-db'),
        '--no-defaults',
        `--datadir=${path.join(folder, 'data')}`,
        '--auth-root-authentication-method=normal', // a root with a password, not one bound to the system's root
        '--skip-test-db',
      )
    },
    program: ({ folder, port }) => [
      requireProgram('mariadbd'),
      '--no-defaults', // the machine's /etc/mysql must not change what the tests see
      `--datadir=${path.join(folder, 'data')}`,
      `--tmpdir=${folder}`,
      `--socket=${path.join(folder, 'mariadb.sock')}`,
      `--pid-file=${path.join(folder, 'mariadb.pid')}`,
      `--init-file=${path.join(folder, 'accounts.sql')}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      '--skip-name-resolve',
      // Newer versions default to utf8mb4. The tests need the server that many people still run.
      '--character-set-server=latin1',
      '--innodb-buffer-pool-size=256M',
      '--innodb-flush-log-at-trx-commit=1',
      ...(tls ? ['ca', 'cert', 'key'].map((part) => `--ssl-${part}=${path.join(folder, `${part}.pem`)}`) : []),
      ...args,
    ],
    answers,
  })
  service.url = `mysql://root:root@127.0.0.1:${service.port}`
  return service
}

/** Runs statements as the root of the server at `url`. */
export async function sql(url, text) {
  const { hostname, port, username, password } = new URL(url)
  const server = [
    '--protocol=tcp',
    `--host=${hostname}`,
    `--port=${port}`,
    `--user=${username}`,
    '--skip-ssl',
    '--batch',
  ]
  const options = { env: { ...process.env, MYSQL_PWD: decodeURIComponent(password) }, timeout: 30_000 }
  const { stdout } = await execute(
    requireProgram('mariadb'),
    ['--no-defaults', ...server, `--execute=${text}`],
    options,
  )
  return stdout
}

// Run by the server at every start, before it accepts a connection, so that nobody meets a root without password.
const ACCOUNTS = `CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY 'root';
ALTER USER root@'127.0.0.1' IDENTIFIED BY 'root';
ALTER USER root@localhost IDENTIFIED BY 'root';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
`

async function answers(port) {
  const server = ['--protocol=tcp', '--host=127.0.0.1', `--port=${port}`, '--user=root', '--password=root']
  const question = ['--skip-ssl', '--connect-timeout=2', '--batch', '--execute=SELECT 1']
  await execute(requireProgram('mariadb'), ['--no-defaults', ...server, ...question], { timeout: 5_000 })
}

import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { startPrivateService } from './private-service.mjs'
import { requireProgram, serverAccount } from './programs.mjs'

const execute = promisify(execFile)

/** A private MariaDB; `args` are further options of mariadbd. */
export async function start({ folder, port, args = [] } = {}) {
  const service = await startPrivateService('mariadb', {
    folder,
    port,
    account: serverAccount('mysql'),
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
      ...args,
    ],
    answers,
  })
  service.url = `mysql://root:root@127.0.0.1:${service.port}`
  return service
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

// Servers of a test's own, and questions to servers past the library, by the client programs that come with them.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { missingRequirements } from '../../scripts/services/install.mjs'
import { requireProgram } from '../../scripts/services/programs.mjs'

const run = promisify(execFile)
const lacking = new Set(missingRequirements().map(({ service }: { service: string }) => service))

/** Whether a test can start this server; says so loudly where it cannot. */
export function has(name: 'mariadb' | 'postgres' | 'kafka' | 'pgbouncer'): boolean {
  if (!lacking.has(name)) return true
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`${name} is not installed, and REQUIRE_SERVICES=1`)
  console.error(`SKIPPED: ${name} is not installed; npm test says how`)
  return false
}

/** Runs statements on the server of `url`, in one session; resolves with the cells of all rows as text. */
export async function ask(url: string, statements: string): Promise<string[][]> {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  const database = decodeURIComponent(pathname.slice(1))
  const { program, args, env } =
    protocol === 'mysql:'
      ? {
          program: 'mariadb',
          args: [
            '--no-defaults',
            '--protocol=tcp',
            '--skip-ssl',
            '--batch',
            '--skip-column-names',
            `--host=${hostname}`,
            `--port=${port}`,
            `--user=${username}`,
            `--password=${password}`,
            `--execute=${statements}`,
            ...(database === '' ? [] : [database]),
          ],
          env: {},
        }
      : {
          program: 'psql',
          args: [
            '--no-psqlrc',
            '--quiet',
            '--tuples-only',
            '--no-align',
            '--field-separator=\t',
            '--set=ON_ERROR_STOP=1',
            `--host=${hostname}`,
            `--port=${port}`,
            `--username=${username}`,
            `--dbname=${database === '' ? 'postgres' : database}`,
            // Each by itself: some cannot run in the transaction that several in one text would be.
            ...statements.split(';').map((statement) => `--command=${statement}`),
          ],
          env: { PGPASSWORD: password },
        }
  const { stdout } = await run(requireProgram(program), args, {
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}

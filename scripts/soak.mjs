// Usage: npm run soak [-- --rounds N] [-- FILES FOR AVA]
// The tests of ends, leaks, crowds and servers again, as often and as large as is worth a night and not a push: every cell
// of the matrix of ends two hundred times, tables of a million rows. `--rounds` is the most that anything is repeated.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { startEveryService } from './services/every-service.mjs'

const files = ['exit', 'leaks', 'lifecycle', 'database/*'].map((name) => `__test__/${name}.spec.ts`)
const { values, positionals } = parseArgs({ options: { rounds: { type: 'string' } }, allowPositionals: true })
const services = await startEveryService({ say: (text) => process.stderr.write(`soak: ${text}\n`) })
try {
  const ava = path.join('node_modules', '.bin', 'ava')
  const child = spawn(ava, ['--timeout=24h', '--serial', ...(positionals.length > 0 ? positionals : files)], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...services.environment,
      KER_SOAK: '1',
      ...(values.rounds === undefined ? {} : { KER_SOAK_ROUNDS: values.rounds }),
    },
  })
  const [code] = await once(child, 'exit')
  process.exitCode = code ?? 1
} finally {
  await services.stop()
}

/**
 * That the benches can be run and are described; their figures are nobody's test.
 */
import test from 'ava'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import { MockCluster } from '../native.js'

const execute = promisify(execFile)
const inBenchmark = (file: string) => path.join(process.cwd(), 'benchmark', file)

interface Results {
  isWhole: boolean
  build: { testing: boolean; digest: string }
  rows: { size: number; callers: number; results: { ours: { calls: number; rounds: number[] } } }[]
}

test('a bench that needs no server keeps the figures of every size and number of callers', async (t) => {
  const cluster = new MockCluster(1)
  const results = mkdtempSync(path.join(tmpdir(), 'kafka-error-retry-bench-'))
  const given = '--databases sqlite --sizes 0,200 --callers 1,8 --seconds 0.1 --rounds 3'.split(' ')
  try {
    await execute(process.execPath, [inBenchmark('run.mjs'), 'push', ...given, '--results', results], {
      env: { ...process.env, KER_TEST_BROKERS: cluster.bootstrapServers },
    })
    const [file = '', ...others] = readdirSync(results)
    t.deepEqual(others, [])
    const { isWhole, build, rows } = JSON.parse(readFileSync(path.join(results, file), 'utf8')) as Results
    t.true(isWhole)
    t.regex(build.digest, /^[0-9a-f]{12}$/)
    t.deepEqual(
      rows.map(({ size, callers }) => [size, callers]),
      [
        [0, 1],
        [0, 8],
        [200, 1],
        [200, 8],
      ],
    )
    for (const { callers, results } of rows) {
      t.true(results.ours.calls >= callers)
      t.is(results.ours.rounds.length, 3)
    }
  } finally {
    cluster.close()
    rmSync(results, { recursive: true, force: true })
  }
})

test('an option that a bench does not have is refused with those that it has', async (t) => {
  const error = await t.throwsAsync<Error & { stderr: string }>(
    execute(process.execPath, [inBenchmark('run.mjs'), 'push', '--round', '3']),
  )
  t.regex(error?.stderr ?? '', /unknown: --round; known: .*--rounds/)
})

test('docs/BENCHMARKS.md has a row for every bench', (t) => {
  const rows = [...readFileSync('docs/BENCHMARKS.md', 'utf8').matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)
  t.deepEqual(
    rows.toSorted(),
    readdirSync(inBenchmark('benches')).map((file) => file.replace('.mjs', '')),
  )
})

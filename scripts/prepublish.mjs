// npm runs this before it publishes the root package: the gate, then the packages of the platforms, then their exact
// versions as optionalDependencies into package.json, which npm reads again. Those are not in the repository, because
// before the first release no registry has them, and `npm ci` would fail.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
function run(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

run(process.execPath, [path.join('scripts', 'check-release.mjs')])
// `npm publish --dry-run` runs this script all the same, and it must not publish the other eight.
const dryRun = process.env.npm_config_dry_run === 'true' ? ['--dry-run'] : []
run(path.join(root, 'node_modules', '.bin', 'napi'), [
  'pre-publish',
  '--tag-style',
  'npm',
  '--no-gh-release',
  ...dryRun,
])

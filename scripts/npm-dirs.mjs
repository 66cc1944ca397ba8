// Usage: npm run npm-dirs
// Writes npm/<platform>/package.json and README.md anew from package.json, after a change of version or targets.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { glibcFloor, manifest, root as rootUrl, targets } from './targets.mjs'

const root = fileURLToPath(rootUrl)
const bin = (name) => path.join(root, 'node_modules', '.bin', name)
// What has been run is written down where users are told of it.
const { wasRun } = createRequire(import.meta.url)('../dist/binary.js')

function readme(target) {
  const system = { darwin: 'macOS', linux: 'Linux', win32: 'Windows' }[target.os]
  const library = { glibc: `, glibc ${glibcFloor} or newer`, musl: ', musl' }[target.libc] ?? ''
  const paragraphs = [
    `# ${target.packageName}`,
    `The native half of \`${manifest.name}\` for ${system} on ` +
      `${target.cpu}${library} (\`${target.triple}\`). npm installs it beside \`${manifest.name}\`, in exactly the same ` +
      'version; there is nothing in it to use by itself.',
  ]
  if (!wasRun(target.name)) {
    paragraphs.push('Nobody has run this binary yet: the release only compiles it. If you do, please say how it went.')
  }
  paragraphs.push('The licences of what is linked into it are in `THIRD_PARTY_LICENSES`.')
  return `${paragraphs.join('\n\n')}\n`
}

execFileSync(bin('napi'), ['create-npm-dirs'], { cwd: root, stdio: 'inherit' })
for (const target of targets) {
  const folder = path.join(root, 'npm', target.name)
  const file = path.join(folder, 'package.json')
  const own = JSON.parse(readFileSync(file, 'utf8'))
  own.description = `The native half of ${manifest.name} for ${target.name}`
  delete own.keywords // nobody should find this package by looking for Kafka
  own.files = [target.binary, 'THIRD_PARTY_LICENSES']
  own.publishConfig = manifest.publishConfig // with provenance
  writeFileSync(file, `${JSON.stringify(own, null, 2)}\n`)
  writeFileSync(path.join(folder, 'README.md'), readme(target))
}
execFileSync(bin('prettier'), ['--write', '--log-level', 'warn', 'npm'], { cwd: root, stdio: 'inherit' })

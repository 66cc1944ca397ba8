// Specs are TypeScript, transpiled as they are loaded; what they test is the compiled package (`npm run build:ts`).
module.exports = {
  files: ['__test__/**/*.spec.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=@oxc-node/core/register'],
  // A worker thread has no signals and shares its process with others; what is tested here is a process.
  workerThreads: false,
  timeout: '2m',
}

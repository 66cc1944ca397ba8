// Usage: npm run services [-- COMMAND ARGUMENTS…]
// Starts private services and prints the variables that point at them, ready for a shell, until Ctrl-C. With a command:
// runs it with these variables, stops the services and ends with the command's exit code.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import process from 'node:process'
import { startEveryService } from './every-service.mjs'

const say = (text) => process.stderr.write(`services: ${text}\n`)
const argumentsGiven = process.argv.slice(2)
// npm takes the first `--` for itself, a direct call does not.
const command = argumentsGiven[0] === '--' ? argumentsGiven.slice(1) : argumentsGiven

const services = await startEveryService({ say })
const incomplete = services.failed.length > 0 || (process.env.REQUIRE_SERVICES === '1' && services.missing.length > 0)
try {
  process.exitCode = incomplete ? 1 : await (command.length > 0 ? runCommand(command) : stayUntilInterrupted())
} finally {
  await services.stop()
}

async function runCommand([program, ...args]) {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...services.environment } })
  // Ctrl-C reaches the command by itself; this process only has to outlive it.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  try {
    const [code, signal] = await once(child, 'exit')
    return code ?? 128 + constants.signals[signal]
  } catch (error) {
    say(error.message)
    return 127
  }
}

async function stayUntilInterrupted() {
  for (const [name, value] of Object.entries(services.environment)) process.stdout.write(`export ${name}=${value}\n`)
  say('running until Ctrl-C')
  const awake = setInterval(() => {}, 60_000) // the services themselves do not keep this process awake
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)))
  clearInterval(awake)
  say('stopping')
  return 0
}

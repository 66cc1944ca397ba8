// A contender in a process of its own, so that no contender's event loop, pool or memory is another's.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('contender.mjs', import.meta.url))

/** Starts one and opens it; `ask(method, argument)` runs a method of it there. */
export async function startContender(name, settings) {
  const child = fork(program, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const waiting = new Map()
  let number = 0
  child.on('message', ({ id, answer, error }) => {
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) resolve(answer)
    else reject(new Error(`${name}: ${error}`))
  })
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} ended: ${signal ?? code}`))
  })
  function ask(method, argument) {
    const id = number++
    const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    child.send({ id, method, argument })
    return answer
  }
  await ask('open', { name, settings })
  return {
    name,
    pid: child.pid,
    ask,
    /** Closes what can be closed; 2.1.5 ends only with its process. */
    stop: async () => {
      await ask('close').catch(() => {})
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

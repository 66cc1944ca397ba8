// The other end of process.mjs.
import process from 'node:process'

let contender
const methods = {
  open: async ({ name, settings }) => {
    const { open } = await import(`../contenders/${name}.mjs`)
    contender = await open(settings)
  },
}

process.on('message', ({ id, method, argument }) => {
  void (async () => {
    try {
      const answer = await (methods[method] ?? contender[method])(argument)
      process.send({ id, answer: answer ?? null })
    } catch (error) {
      process.send({ id, error: error.stack })
    }
  })()
})
process.on('disconnect', () => process.exit(0))

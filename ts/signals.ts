/**
 * `shutdownSignals`: a signal closes the handler and then does what it would have done.
 */

const signals = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const

/** Closes by `close` at the first signal; a second one does not wait. Returns what takes the traps away. */
export function trapSignals(close: () => Promise<void>): () => void {
  let isClosing = false
  const remove = () => {
    for (const name of signals) process.off(name, onSignal)
  }
  const raise = (signal: NodeJS.Signals) => {
    remove()
    // Another listener has heard the signal already and decides itself when the process ends.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
  const onSignal = (signal: NodeJS.Signals) => {
    if (isClosing) return raise(signal)
    isClosing = true
    const again = () => raise(signal)
    void close().then(again, again)
  }
  for (const name of signals) process.on(name, onSignal)
  // The traps outlast a close that a signal began: the second signal must find them.
  return () => {
    if (!isClosing) remove()
  }
}

import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** The process and its children, grandchildren …, parents before their children. */
export function processTree(root) {
  const parents = everyParent()
  const tree = [root]
  // The array grows while it is walked: that is what makes the walk reach every generation.
  for (const parent of tree) {
    for (const [pid, itsParent] of parents) if (itsParent === parent) tree.push(pid)
  }
  return tree
}

/**
 * A process group is not enough to reach a whole service: every PostgreSQL backend is the leader of its own group.
 * The list is taken before the first signal, because orphans can no longer be told from strangers.
 */
export function signalTree(root, signal) {
  for (const pid of processTree(root)) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
}

function everyParent() {
  try {
    return new Map(parentsFromProc())
  } catch {
    return new Map(parentsFromPs()) // no /proc on macOS
  }
}

function* parentsFromProc() {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      // "pid (name) state parent …", and the name itself may contain blanks and parentheses.
      yield [Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]
    } catch {
      // It ended between the two reads.
    }
  }
}

function* parentsFromPs() {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  for (const line of lines) yield line.trim().split(/\s+/).map(Number)
}

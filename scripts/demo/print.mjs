// One line per event, and the numbers behind the table at the end.
import process from 'node:process'
import { styleText } from 'node:util'

const colors = {
  stored: 'yellow',
  redelivered: 'cyan',
  resolved: 'green',
  handled: 'green',
  dead: 'red',
  warning: 'magenta',
}
const began = Date.now()

function paint(color, text) {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(color, text) : text
}

function line(type, { topic, dataId }, rest) {
  const seconds = ((Date.now() - began) / 1000).toFixed(2).padStart(6)
  process.stdout.write(
    `${seconds} s  ${paint(colors[type], type.padEnd(11))} ${topic.padEnd(8)} ${dataId.padEnd(9)} ${rest}\n`,
  )
}

/** Prints what happens and counts it, per order. */
export function printEvents(handler) {
  const per = new Map()
  const of = (id) => {
    if (!per.has(id))
      per.set(id, { handled: 0, succeeded: 0, stored: 0, redelivered: 0, resolved: 0, dead: 0, gaps: [] })
    return per.get(id)
  }
  const isDone = ({ id, failures }) => {
    const { succeeded, resolved, dead } = of(id)
    if (failures === 0) return succeeded > 0
    return failures === Infinity ? dead > 0 : resolved > 0
  }
  let changed = () => per.size
  handler.on('stored', (event) => {
    const order = of(event.dataId)
    order.stored++
    order.dueAt = Number(event.dueAt)
    const due = event.state === 'dead' ? '' : `due in ${((Number(event.dueAt) - Date.now()) / 1000).toFixed(1)} s`
    line('stored', event, `attempt ${event.retryCount} failed  ${due}`)
  })
  handler.on('redelivered', (event) => {
    const order = of(event.dataId)
    order.redelivered++
    order.gaps.push(Date.now() - order.dueAt)
    line('redelivered', event, `attempt ${event.attempt}, partition ${event.partition}, offset ${event.offset}`)
  })
  handler.on('resolved', (event) => {
    of(event.dataId).resolved++
    line('resolved', event, 'forgotten')
    changed()
  })
  handler.on('dead', (event) => {
    of(event.dataId).dead++
    line('dead', event, `after ${event.retryCount} failed attempts, kept until somebody acts`)
    changed()
  })
  handler.on('warning', ({ code, message }) => process.stdout.write(`warning ${code}: ${message}\n`))
  handler.on('error', ({ code, message }) => process.stdout.write(`error ${code}: ${message}\n`))
  return {
    of,
    handled: (id) => ++of(id).handled,
    succeeded(id) {
      of(id).succeeded++
      if (of(id).stored === 0) line('handled', { topic: 'orders', dataId: id }, 'at the first attempt')
      changed()
    },
    /** Resolves when every order is done one way or the other. */
    settled(orders, longest) {
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`not done after ${longest / 1000} s`)), longest)
        changed = () => {
          if (!orders.every(isDone)) return
          clearTimeout(late)
          resolve()
        }
        changed()
      })
    },
  }
}

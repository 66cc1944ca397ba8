// One table for each bench: its title, its head, and a row for each result.
import { numeral, ratio } from './numerals.mjs'

const rate = (result) => numeral(result?.perSecond)
const milliseconds = ({ p50, p99, max }) => [numeral(p50), numeral(p99), numeral(max)]

export const sections = [
  {
    bench: 'push',
    title: '`pushError` per second',
    head: [
      'database',
      'rows',
      'callers',
      'ours',
      'by hand',
      'raw limit',
      '2.1.5',
      'ours ÷ by hand',
      'ours ÷ raw limit',
      'ours ÷ 2.1.5',
      'p50, p99 ms',
      'rows per INSERT',
    ],
    rows: (all) =>
      all.map(({ database, size, callers, results: { ours, byHand, rowByRow, original } }) => [
        database,
        numeral(size),
        callers,
        rate(ours),
        rate(rowByRow),
        rate(byHand),
        rate(original),
        ratio(ours.perSecond, rowByRow?.perSecond),
        ratio(ours.perSecond, byHand?.perSecond),
        ratio(ours.perSecond, original?.perSecond),
        `${numeral(ours.latency.p50)}, ${numeral(ours.latency.p99)}`,
        ours.statements?.insert ? numeral(ours.calls / ours.statements.insert) : '–',
      ]),
  },
  {
    bench: 'drain',
    title: 'Redelivery of due rows',
    head: ['database', 'contender', 'due rows', 'copies', 'different rows', 'rows per second', 'ours ÷ by hand'],
    rows: (all) =>
      all.flatMap(({ database, rows, results }) =>
        Object.entries(results).map(([name, { copies, distinct, perSecond, seconds }]) => [
          database,
          { ours: 'ours', byHand: 'by hand', original: `2.1.5 in ${seconds} s` }[name],
          numeral(rows),
          numeral(copies),
          numeral(distinct),
          perSecond ? numeral(perSecond) : '–',
          name === 'ours' ? ratio(perSecond, results.byHand?.perSecond) : '–',
        ]),
      ),
  },
  {
    bench: 'drain',
    title: 'Statements per 1 000 redelivered rows, counted by the server',
    head: [
      'database',
      'contender',
      'SELECT',
      'UPDATE',
      'other writes',
      'BEGIN and COMMIT',
      'record batches on the topic',
    ],
    rows: (all) =>
      all.flatMap(({ database, results }) =>
        Object.entries(results)
          .filter(([, { statements }]) => statements)
          .map(([name, { statements, delivered, batches }]) => {
            const per = (count) => numeral((count / delivered) * 1_000, 2)
            const { select, update, insert, begin, commit } = statements
            const writes = insert + statements.delete
            return [
              database,
              name === 'ours' ? 'ours' : 'by hand',
              per(select),
              per(update),
              per(writes),
              per(begin + commit),
              batches === undefined ? '–' : per(batches),
            ]
          }),
      ),
  },
  {
    bench: 'lateness',
    title: 'Lateness of retries without `scheduleRule`',
    head: ['database', 'redelivered by', 'retries', 'arrived', 'earliest ms', 'p50 ms', 'p99 ms', 'maximum ms'],
    rows: (all) =>
      all.map(({ database, place, retries, arrived, receivedMs }) => [
        database,
        place,
        numeral(retries),
        numeral(arrived),
        numeral(receivedMs.min),
        ...milliseconds(receivedMs),
      ]),
  },
  {
    bench: 'idle',
    title: 'Idle cost of a handler whose task runs',
    head: ['database', 'contender', 'CPU seconds per minute', 'statements per minute', 'memory MB'],
    rows: (all) =>
      all.map(({ database, contender, cpuSecondsPerMinute, statementsPerMinute, rssMb }) => [
        database,
        contender === 'ours' ? 'ours' : '2.1.5, a tick every minute',
        numeral(cpuSecondsPerMinute, 2),
        numeral(statementsPerMinute, 0),
        rssMb,
      ]),
  },
  {
    bench: 'memory',
    title: 'Memory under load',
    head: [
      'database',
      'seconds',
      'failures pushed',
      'after the first quarter MB',
      'at the end MB',
      'most MB',
      'growth MB per minute',
    ],
    rows: (all) =>
      all.map(({ database, seconds, calls, settledMb, lastMb, maxMb, growthMbPerMinute }) => [
        database,
        seconds,
        numeral(calls),
        settledMb,
        lastMb,
        maxMb,
        numeral(growthMbPerMinute, 1),
      ]),
  },
  {
    bench: 'loop',
    title: 'The longest time the event loop was held',
    head: ['database', 'during', 'ms at worst'],
    rows: (all) => all.map(({ database, work, worstMs }) => [database, work, numeral(worstMs, 0)]),
  },
]

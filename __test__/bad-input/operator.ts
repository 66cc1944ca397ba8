// Rows 65–67: what an operator’s calls refuse before they touch the database.
import type { KafkaErrorHandler } from '../../index.js'
import { holed, thrown } from './options.js'

type Call = (handler: KafkaErrorHandler) => Promise<unknown>

/** One refused call, and its whole message. */
export type OperatorCase = readonly [call: Call, message: string]

const states = 'scheduled, leased, awaiting, dead, held'
const reasons =
  'failed, crash, no-outcome, unknown-delivery, not-delivered, too-large, compacted, paused, operator, unreadable'
const id = 'must be the id of an entry: a decimal string'
const topic = "must be 1–249 characters of [A-Za-z0-9._-] and not '.' or '..'"

const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()
const unreadable = new Proxy(
  {},
  {
    ownKeys() {
      throw thrown
    },
  },
)

const limits = (
  [
    [0, 'number'],
    [-1, 'number'],
    [1_001, 'number'],
    [1e6, 'number'],
    [1.5, 'number'],
    [Number.NaN, 'NaN'],
    ['5', 'string(1)'],
  ] as const
).map(
  ([limit, received]) =>
    [
      (handler) => handler.entries.list({ limit: limit as number }),
      `entries.list: filter.limit must be an integer 1–1000; received ${received}`,
    ] as OperatorCase,
)

const everything = (
  [
    ['purge', 'delete'],
    ['discard', 'delete'],
    ['requeue', 'act on'],
    ['retryNow', 'act on'],
    ['hold', 'act on'],
  ] as const
).flatMap(([method, act]) =>
  [undefined, null, {}, { topic: undefined }, { all: false }, { all: 1 }].map(
    (filter) =>
      [
        (handler) => handler.entries[method](filter as never),
        `entries.${method}: refuses to ${act} everything; pass { all: true }`,
      ] as OperatorCase,
  ),
)

const filters = (
  [
    [{ topik: 'orders' }, 'filter.topik is unknown. Did you mean filter.topic?'],
    [{ topic: 'a b' }, `filter.topic ${topic}; received string(3)`],
    [{ state: 'ded' }, `filter.state must be one of ${states}; received string(3)`],
    [{ reason: 'because' }, `filter.reason must be one of ${reasons}; received string(7)`],
    [{ groupId: 5 }, 'filter.groupId must be a string; received number'],
    [{ groupId: '\uD800' }, 'filter.groupId must be valid Unicode without NUL; received string(1)'],
    [
      { dataId: '' },
      'filter.dataId must be a non-empty string up to 255 bytes, an integer or a bigint; received string(0)',
    ],
    [{ failedBefore: 'soon' }, 'filter.failedBefore must be a Date or epoch milliseconds; received string(4)'],
    [{ failedBefore: new Date(Number.NaN) }, 'filter.failedBefore must be a Date or epoch milliseconds; received Date'],
    [{ ids: '1' }, 'filter.ids must be an array; received string(1)'],
    [{ ids: [1] }, `filter.ids[0] ${id}; received number`],
    [{ ids: holed('1', '2') }, `filter.ids[1] ${id}; received undefined`],
    [{ ids: Array.from({ length: 10_001 }, String) }, 'filter.ids must be at most 10000; received array(10001)'],
    [5, 'filter must be an id, an array of ids or an object; received number'],
    [unreadable, 'filter could not be read'],
    [revoked, 'filter could not be read'],
  ] as const
).map(
  ([filter, text]) => [(handler) => handler.entries.purge(filter as never), `entries.purge: ${text}`] as OperatorCase,
)

/** Title and refused calls of each row. */
export const operatorRows: readonly { title: string; cases: readonly OperatorCase[] }[] = [
  {
    title: '65: a page of entries that is none',
    cases: [
      ...limits,
      [
        (handler) => handler.entries.list({ cursor: 5 as never }),
        'entries.list: filter.cursor must be one that entries.list returned; received number',
      ],
      [
        (handler) => handler.entries.list({ cursor: 'tampered' }),
        'entries.list: cursor must be one that entries.list returned',
      ],
      [(handler) => handler.entries.list(null as never), 'entries.list: filter must be an object; received null'],
      [
        (handler) => handler.entries.count({ topik: 1 } as never),
        'entries.count: filter.topik is unknown. Did you mean filter.topic?',
      ],
    ],
  },
  {
    title: '66: an id that is none',
    cases: [
      [(handler) => handler.entries.get('x'), `entries.get: id ${id}; received string(1)`],
      [(handler) => handler.entries.get(1 as never), `entries.get: id ${id}; received number`],
      [(handler) => handler.entries.requeue('-1'), `entries.requeue: filter.ids[0] ${id}; received string(2)`],
      [
        (handler) => handler.entries.requeue(['1', 2] as never),
        `entries.requeue: filter.ids[1] ${id}; received number`,
      ],
      [
        (handler) => handler.entries.requeue('1', { redelivery: 'local' as never }),
        'entries.requeue: options.redelivery must be one of original, retryTopic; received string(5)',
      ],
      [
        (handler) => handler.entries.requeue('1', { redelivry: 'original' } as never),
        'entries.requeue: options.redelivry is unknown. Did you mean options.redelivery?',
      ],
      [
        (handler) => handler.entries.requeue('1', null as never),
        'entries.requeue: options must be an object; received null',
      ],
    ],
  },
  { title: '67: a filter that is none, or all entries without saying so', cases: [...everything, ...filters] },
  {
    title: 'more than the table: a topic to pause',
    cases: [
      [(handler) => handler.pause('a b'), `pause: arguments.topic ${topic}; received string(3)`],
      [(handler) => handler.resume(undefined as never), `resume: arguments.topic ${topic}; received undefined`],
    ],
  },
]

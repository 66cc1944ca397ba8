import test from 'ava'
import { setImmediate } from 'node:timers/promises'

import { effectiveLevel, isLogger, Logger, type LoggerOption } from '../dist/logger'

const silent = () => undefined

function recorder(): { lines: unknown[][]; methods: Record<'debug' | 'info' | 'warn' | 'error', () => void> } {
  const lines: unknown[][] = []
  const write =
    (level: string) =>
    (...line: unknown[]) =>
      void lines.push([level, ...line])
  return {
    lines,
    methods: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  }
}

test('a function gets text, or a plain object where there are fields', (t) => {
  const lines: unknown[] = []
  const logger = new Logger((line) => lines.push(line), 'debug', silent)
  logger.log('info', 'started')
  logger.log('warn', 'slow', { duration_ms: 5 })
  t.deepEqual(lines, ['started', { duration_ms: 5, level: 'warn', message: 'slow' }])
})

test('an object gets the text first', (t) => {
  const { lines, methods } = recorder()
  const logger = new Logger(methods, 'debug', silent)
  logger.log('info', 'started')
  logger.log('error', 'failed', { code: 'KER_STORE' })
  t.deepEqual(lines, [
    ['info', 'started'],
    ['error', 'failed', { code: 'KER_STORE' }],
  ])
})

test('pino gets the fields first', (t) => {
  const { lines, methods } = recorder()
  const logger = new Logger({ ...methods, child: silent } as LoggerOption, 'debug', silent)
  logger.log('info', 'started', { a: 1 })
  t.deepEqual(lines, [['info', { a: 1 }, 'started']])
})

test('winston, which also has children, gets the text first', (t) => {
  const { lines, methods } = recorder()
  const logger = new Logger({ ...methods, child: silent, transports: [] } as LoggerOption, 'debug', silent)
  logger.log('info', 'started', { a: 1 })
  t.deepEqual(lines, [['info', 'started', { a: 1 }]])
})

test('a method is called on its own object', (t) => {
  class Own {
    readonly lines: string[] = []
    debug = silent
    warn = silent
    error = silent
    info(line: string) {
      this.lines.push(line)
    }
  }
  const own = new Own()
  new Logger(own, 'info', silent).log('info', 'started')
  t.deepEqual(own.lines, ['started'])
})

test('lines below the level are left out', (t) => {
  const { lines, methods } = recorder()
  const logger = new Logger(methods, 'warn', silent)
  for (const level of ['debug', 'info', 'warn', 'error'] as const) logger.log(level, 'x')
  t.deepEqual(
    lines.map(([level]) => level),
    ['warn', 'error'],
  )
})

test('a logger that throws is reported once and disabled after 10 times', (t) => {
  const reports: unknown[] = []
  let calls = 0
  const thrown = new Error('disk full')
  const throwing = () => {
    calls += 1
    throw thrown
  }
  const logger = new Logger(throwing, 'info', (error) => reports.push(error))
  for (let line = 0; line < 20; line += 1) logger.log('info', 'x')
  t.is(calls, 10)
  t.is(reports.length, 1)
  t.like(reports[0], { code: 'KER_HANDLER', cause: thrown })
})

test('a logger whose promise rejects is reported and harms nobody', async (t) => {
  const reports: unknown[] = []
  const logger = new Logger(
    () => Promise.reject(new Error('later')),
    'info',
    (error) => reports.push(error),
  )
  logger.log('info', 'x')
  await setImmediate()
  t.is(reports.length, 1)
})

test('a logger is a function, an object with four methods, or false', (t) => {
  for (const logger of [console.log, console, false]) t.true(isLogger(logger))
  for (const other of ['x', true, null, undefined, 1, {}, { info: silent }]) t.false(isLogger(other))
})

test.serial('the environment variable opens the log whatever the options say', (t) => {
  t.is(effectiveLevel(undefined, undefined), 'warn')
  t.is(effectiveLevel(undefined, console.log), 'info')
  t.is(effectiveLevel('error', console.log), 'error')
  process.env['KAFKA_ERROR_RETRY_DEBUG'] = '1'
  try {
    t.is(effectiveLevel('error', console.log), 'debug')
  } finally {
    delete process.env['KAFKA_ERROR_RETRY_DEBUG']
  }
})

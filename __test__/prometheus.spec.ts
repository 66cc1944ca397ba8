import test from 'ava'

import { render } from '../dist/prometheus'

const stats = {
  entries: [
    { topic: 'orders', groupId: '', state: 'scheduled', count: 3 },
    { topic: 'orders', groupId: 'a"b\\c\nd', state: 'dead', count: 1 },
  ],
  oldestDueMs: 1_500,
  pending: 2,
  sweeps: 7,
  sweepsSkipped: 1,
  counters: { stored: 10, redelivered: 8, resolved: 5, dead: 1, deliveryFailed: 0 },
} as const

test('a snapshot is rendered as Prometheus text', (t) => {
  const text = render({ ...stats, entries: [...stats.entries] }, '3.0.0')
  t.true(text.includes('# TYPE kafka_retry_entries gauge\n'))
  t.true(text.includes('kafka_retry_entries{topic="orders",group="",state="scheduled"} 3\n'))
  t.true(text.includes('kafka_retry_oldest_due_seconds 1.5\n'))
  t.true(text.includes('# TYPE kafka_retry_entries_stored_total counter\nkafka_retry_entries_stored_total 10\n'))
  t.true(text.includes('kafka_retry_redeliveries_total 8\n'))
  t.true(text.includes('kafka_retry_build_info{version="3.0.0"} 1\n'))
  t.true(text.endsWith('\n'))
})

test('quotes, backslashes and line breaks in labels are escaped', (t) => {
  const text = render({ ...stats, entries: [...stats.entries] }, '3.0.0')
  t.true(text.includes('group="a\\"b\\\\c\\nd"'))
})

test('every line is a comment or a sample', (t) => {
  const text = render({ ...stats, entries: [...stats.entries], oldestDueMs: null }, '3.0.0')
  for (const line of text.trimEnd().split('\n')) {
    t.regex(line, /^(# (HELP|TYPE) kafka_retry_[a-z_]+ .+|kafka_retry_[a-z_]+(\{.*\})? -?\d+(\.\d+)?)$/)
  }
  t.true(text.includes('kafka_retry_oldest_due_seconds 0\n'))
})

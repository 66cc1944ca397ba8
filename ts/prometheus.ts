/**
 * A snapshot as Prometheus text. Pure: whoever scrapes decides when, and pays one snapshot.
 */
import type { HandlerStats } from './stats'

type Labels = Readonly<Record<string, string>>

interface Metric {
  name: string
  help: string
  type: 'gauge' | 'counter'
  samples: readonly (readonly [labels: Labels, value: number])[]
}

/** The exposition format 0.0.4 of `stats`. `version` is the package's. */
export function render(stats: HandlerStats, version: string): string {
  return metricsOf(stats, version).map(rendered).join('')
}

function metricsOf(stats: HandlerStats, version: string): Metric[] {
  const { counters } = stats
  const entries = stats.entries.map(
    ({ topic, groupId, state, count }) => [{ topic, group: groupId, state }, count] as const,
  )
  return [
    gauge('entries', 'Stored entries.', entries),
    // Zero and not absent: an alert on this gauge must be able to recover.
    gauge('oldest_due_seconds', 'How long the oldest due entry has been waiting.', (stats.oldestDueMs ?? 0) / 1_000),
    gauge('pending_calls', 'Calls that wait for the database.', stats.pending),
    counter('entries_stored_total', 'Failures that were stored.', counters.stored),
    counter('redeliveries_total', 'Copies that the broker acknowledged.', counters.redelivered),
    counter('entries_resolved_total', 'Entries that a success deleted.', counters.resolved),
    counter('entries_dead_total', 'Entries that became dead.', counters.dead),
    counter('deliveries_failed_total', 'Copies that were not delivered, or perhaps not.', counters.deliveryFailed),
    counter('sweeps_total', 'Sweeps.', stats.sweeps),
    counter('sweeps_skipped_total', 'Ticks skipped because a sweep was still running.', stats.sweepsSkipped),
    gauge('build_info', 'The version of kafka-error-retry.', [[{ version }, 1]]),
  ]
}

function gauge(name: string, help: string, value: number | Metric['samples']): Metric {
  return { name, help, type: 'gauge', samples: typeof value === 'number' ? [[{}, value]] : value }
}

function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', samples: [[{}, value]] }
}

function rendered({ name, help, type, samples }: Metric): string {
  const full = `kafka_retry_${name}`
  const lines = samples.map(([labels, value]) => `${full}${labelText(labels)} ${value}\n`)
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

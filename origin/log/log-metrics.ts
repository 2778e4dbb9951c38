import type { Counter, Gauge, Histogram } from 'prom-client'
import type { Metrics } from '../observe/metrics.ts'

/** What every engine of the event log measures. */
export interface LogMetrics {
  published: Counter<'topic'>
  handled: Counter<'group' | 'topic' | 'outcome'>
  seconds: Histogram<'group' | 'topic'>
  delay: Histogram<'group' | 'topic'>
  lag: Gauge<'group' | 'topic'>
}

export function logMetrics(metrics: Metrics): LogMetrics {
  return {
    published: metrics.counter('log_published_total', 'Events appended to the log', ['topic']),
    handled: metrics.counter('log_handled_total', 'Events by outcome: done, failed (tried again) or dead', [
      'group',
      'topic',
      'outcome',
    ]),
    seconds: metrics.histogram('log_handle_seconds', 'Time a handler takes for one event', ['group', 'topic']),
    delay: metrics.histogram('log_delay_seconds', 'From the making of an event to the start of its handler', [
      'group',
      'topic',
    ]),
    lag: metrics.gauge('log_lag_events', 'Events that a group has still to handle', ['group', 'topic']),
  }
}

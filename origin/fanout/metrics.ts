import type { Metrics } from '../observe/metrics.ts'
import type { Lanes } from './lanes.ts'
import type { PushResult } from './push.ts'

export interface FanoutMetrics {
  page(page: PushResult & { acceptedMs: number; doneMs: number }): void
  /** @param memory share of what Redis may use */
  looked(memory: number): void
}

export function fanoutMetrics(metrics: Metrics, lanes: Lanes): FanoutMetrics {
  const seconds = metrics.histogram('fanout_seconds', 'From the accepted post to the last timeline of a page')
  const written = metrics.counter('fanout_timelines_total', 'Timelines by what a push did with them', ['outcome'])
  const turns = metrics.gauge(
    'fanout_turns',
    'Pages that may be written to Redis at once; fewer while it is slow or full',
  )
  const waiting = metrics.gauge('fanout_waiting_pages', 'Pages that wait for their turn at Redis', ['lane'])
  const memoryShare = metrics.gauge(
    'fanout_redis_memory_ratio',
    'Memory used of what is allowed, on the fullest master that does not evict',
  )
  return {
    page({ acceptedMs, doneMs, pushed, inactive, shed }) {
      seconds.observe((doneMs - acceptedMs) / 1000)
      written.inc({ outcome: 'pushed' }, pushed)
      written.inc({ outcome: 'inactive' }, inactive)
      written.inc({ outcome: 'shed' }, shed)
    },
    looked(memory) {
      const state = lanes.state()
      turns.set(state.turns)
      for (const [lane, pages] of Object.entries(state.waiting)) waiting.set({ lane }, pages)
      memoryShare.set(memory)
    },
  }
}

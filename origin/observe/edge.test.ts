import { describe, expect, it } from 'vitest'
import { edgeMetrics } from './edge.ts'
import { createMetrics } from './metrics.ts'

describe('metrics of the edge', () => {
  it('have a series for each kind of trouble before there is any, so that the first is an increase', async () => {
    const metrics = createMetrics()
    edgeMetrics(metrics)
    const { body } = await metrics.expose()
    expect(body).toContain('tideline_edge_degraded_pages_total{by="late"} 0')
    expect(body).toContain('tideline_edge_shed_total{class="feed",outcome="refused"} 0')
    expect(body).toContain('tideline_edge_breaker_opened_total{dependency="origin"} 0')
  })

  it('add up what isolates hand over', async () => {
    const metrics = createMetrics()
    const add = edgeMetrics(metrics)
    const slow = {
      route: 'GET /v1/feed',
      status: 200,
      ms: [
        [40, 98],
        [420, 2],
      ] as [number, number][],
    }
    add({
      answers: [slow],
      reads: [{ layer: 'timeline', hits: 7, misses: 3 }],
      degraded: [{ by: 'stale', pages: 1 }],
      pictures: [{ stage: 'resize', ms: [[30, 2]] }],
      shed: [{ kind: 'background', outcome: 'refused', requests: 4 }],
      opened: [{ dependency: 'redis', times: 1 }],
    })
    add({
      answers: [slow],
      reads: [{ layer: 'timeline', hits: 1, misses: 0 }],
      degraded: [],
      pictures: [],
      shed: [{ kind: 'background', outcome: 'refused', requests: 3 }],
      opened: [],
    })
    const { body } = await metrics.expose()
    expect(body).toContain('tideline_edge_request_seconds_bucket{le="0.05",route="GET /v1/feed",status="200"} 196')
    expect(body).toContain('tideline_edge_request_seconds_count{route="GET /v1/feed",status="200"} 200')
    expect(body).toContain('tideline_edge_reads_total{layer="timeline",outcome="hit"} 8')
    expect(body).toContain('tideline_edge_reads_total{layer="timeline",outcome="miss"} 3')
    expect(body).toContain('tideline_edge_picture_seconds_count{stage="resize"} 2')
    expect(body).toContain('tideline_edge_degraded_pages_total{by="stale"} 1')
    expect(body).toContain('tideline_edge_shed_total{class="background",outcome="refused"} 7')
    expect(body).toContain('tideline_edge_breaker_opened_total{dependency="redis"} 1')
  })
})

import { describe, expect, it } from 'vitest'
import { edgeObservations } from './edge-observations.ts'
import { Observations } from './observations.ts'

describe('what an isolate has counted', () => {
  it('is handed over every five seconds, and then begins anew', () => {
    const seen = new Observations(0)
    seen.answered('GET /v1/feed', 200, 12)
    seen.answered('GET /v1/feed', 200, 12)
    seen.answered('GET /v1/feed', 503, 3_141)
    seen.read('post', 48, 2)
    seen.read('post', 50, 0)
    seen.degraded('redis')
    seen.shed('deferrable', 'queued')
    seen.opened('origin')
    seen.pictured('resize', 31)
    expect(seen.takeDue(4_999)).toBeNull()
    const taken = seen.takeDue(5_000)
    expect(taken).toEqual({
      answers: [
        { route: 'GET /v1/feed', status: 200, ms: [[12, 2]] },
        { route: 'GET /v1/feed', status: 503, ms: [[3_100, 1]] },
      ],
      reads: [{ layer: 'post', hits: 98, misses: 2 }],
      degraded: [{ by: 'redis', pages: 1 }],
      shed: [{ kind: 'deferrable', outcome: 'queued', requests: 1 }],
      opened: [{ dependency: 'origin', times: 1 }],
      pictures: [{ stage: 'resize', ms: [[31, 1]] }],
    })
    expect(edgeObservations.parse(taken)).toEqual(taken)
    expect(seen.takeDue(10_000)).toEqual({
      ...{ answers: [], reads: [], degraded: [], pictures: [], shed: [], opened: [] },
    })
  })

  it('is told with the next when the origin did not take it', () => {
    const seen = new Observations(0)
    seen.answered('GET /v1/feed', 200, 7)
    seen.read('timeline', 1, 2)
    seen.degraded('stale')
    seen.shed('feed', 'refused')
    seen.opened('queue')
    seen.pictured('fetch', 12)
    const taken = seen.takeDue(5_000)
    seen.answered('GET /v1/feed', 200, 7)
    if (taken !== null) seen.putBack(taken)
    expect(seen.takeDue(10_000)).toEqual({
      answers: [{ route: 'GET /v1/feed', status: 200, ms: [[7, 2]] }],
      reads: [{ layer: 'timeline', hits: 1, misses: 2 }],
      degraded: [{ by: 'stale', pages: 1 }],
      shed: [{ kind: 'feed', outcome: 'refused', requests: 1 }],
      opened: [{ dependency: 'queue', times: 1 }],
      pictures: [{ stage: 'fetch', ms: [[12, 1]] }],
    })
  })

  it('stays small whatever the times are', () => {
    const seen = new Observations(0)
    for (let ms = 0; ms < 100_000; ms += 0.5) seen.answered('GET /v1/feed', 200, ms)
    expect(seen.takeDue(5_000)?.answers[0]?.ms.length).toBeLessThan(500)
  })
})

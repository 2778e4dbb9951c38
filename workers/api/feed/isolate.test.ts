import { describe, expect, it } from 'vitest'
import { feedPost } from '#core/feed/index.ts'
import { firstIdAt, type Id } from '#core/ids.ts'
import { TTL } from '#core/keys.ts'
import { DELTA_OVERLAP_MS } from '#core/timeline/index.ts'
import { FeedIsolate } from './isolate.ts'
import { rideAlong } from './sources.ts'

const NOW = Date.UTC(2026, 5, 1)
const [P, Q] = [firstIdAt(NOW - 5_000), firstIdAt(NOW - 4_000)]
const ANN = { id: '11', username: 'ann', displayName: 'Ann', avatar: null, isPrivate: false }

function isolateWith(...ids: Id[]): FeedIsolate {
  const isolate = new FeedIsolate()
  isolate.deltaDue(NOW)
  isolate.applyDelta([], NOW, NOW)
  const record = { userId: ANN.id, caption: '', media: [], hashtags: [], version: 1, awaitsMedia: false }
  for (const id of ids) isolate.posts.set(feedPost({ ...record, id }, ANN, { likes: 1, comments: 0 }, ''))
  isolate.users.set(ANN.id, ANN)
  return isolate
}

describe('the delta', () => {
  it('is asked for about once a second, by one request', () => {
    const isolate = isolateWith()
    const asked = [0, 400, 999, 1_000, 1_001, 1_999, 2_000].map((after) => isolate.deltaDue(NOW + after) !== null)
    expect(asked).toEqual([false, false, false, true, false, false, true])
  })

  it('goes on from the newest change that was read, never back', () => {
    const isolate = isolateWith()
    isolate.applyDelta(['c:5:1:0', NOW + 700, 'c:6:1:0', NOW + 300], NOW, NOW + 1_000)
    expect(isolate.deltaDue(NOW + 1_000)).toBe(NOW + 700)
    isolate.applyDelta([], NOW + 700, NOW + 1_000)
    expect(isolate.deltaDue(NOW + 2_000)).toBe(NOW + 700)
    expect(DELTA_OVERLAP_MS).toBeGreaterThan(2_000)
  })

  it('brings counts, takes deleted posts away, and passes over what it does not know', () => {
    const isolate = isolateWith(P, Q)
    isolate.applyDelta([`c:${P}:9:4`, NOW, `d:${Q}`, NOW, 'z:1:2', NOW, 'nonsense', NOW], NOW, NOW)
    expect(isolate.posts.get(P)).toMatchObject({ likes: 9, comments: 4 })
    expect(isolate.posts.get(Q)).toBeUndefined()
  })

  it('is the same applied twice, since reads overlap', () => {
    const isolate = isolateWith(P)
    isolate.celebrities.set(ANN.id, { author: ANN.id, floor: 0, ids: [] })
    const change = [`p:${ANN.id}:${Q}`, NOW, `c:${P}:9:4`, NOW]
    for (let i = 0; i < 2; i++) isolate.applyDelta(change, NOW, NOW)
    expect(isolate.celebrities.get(ANN.id)?.ids).toEqual([Q])
  })

  it("puts a celebrity's post in its place in a list that is here, and makes no list of one post", () => {
    const isolate = isolateWith()
    const newer = firstIdAt(NOW - 1_000)
    isolate.celebrities.set(ANN.id, { author: ANN.id, floor: 0, ids: [newer, P] })
    isolate.applyDelta([`p:${ANN.id}:${Q}`, NOW, `p:12:${Q}`, NOW], NOW, NOW)
    expect(isolate.celebrities.get(ANN.id)?.ids).toEqual([newer, Q, P])
    expect(isolate.celebrities.has('12')).toBe(false)
  })

  it('forgets a profile that changed, with all posts that show it', () => {
    const isolate = isolateWith(P, Q)
    isolate.applyDelta([`u:${ANN.id}`, NOW], NOW, NOW)
    expect([isolate.posts.size, isolate.users.has(ANN.id)]).toEqual([0, false])
  })

  it('is asked for again at once when it could not be read', () => {
    const isolate = isolateWith()
    expect(isolate.deltaDue(NOW + 1_000)).not.toBeNull()
    isolate.readsFailed(true, false)
    expect(isolate.deltaDue(NOW + 1_001)).not.toBeNull()
  })
})

describe('an isolate that lost touch', () => {
  const RETENTION_MS = TTL.delta * 1_000

  it('keeps everything as long as the delta does', () => {
    const isolate = isolateWith(P)
    isolate.deltaDue(NOW + RETENTION_MS)
    expect(isolate.posts.size).toBe(1)
  })

  it('forgets everything when its last delta is older than the retention, and reads on from now', () => {
    const isolate = isolateWith(P)
    isolate.celebrities.set(ANN.id, { author: ANN.id, floor: 0, ids: [] })
    expect(isolate.deltaDue(NOW + RETENTION_MS + 1)).toBe(NOW + RETENTION_MS + 1)
    expect([isolate.posts.size, isolate.users.size, isolate.celebrities.size]).toEqual([0, 0, 0])
    expect(isolate.heardSinceMs).toBe(NOW + RETENTION_MS + 1)
  })

  it('does not take an outage of attempts for a series of reads', () => {
    const isolate = isolateWith(P)
    for (let after = 1_000; after <= RETENTION_MS; after += 1_000) {
      isolate.deltaDue(NOW + after)
      isolate.readsFailed(true, false)
    }
    expect(isolate.posts.size).toBe(1)
    isolate.deltaDue(NOW + RETENTION_MS + 1_000)
    expect(isolate.posts.size).toBe(0)
  })
})

describe('an isolate that has heard more than it remembers', () => {
  const MOST = 10_000

  it('answers for pages from after what it forgot, and what it hears again is its newest', () => {
    const isolate = isolateWith()
    const gone = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => [`d:${firstIdAt(NOW + from + i)}`, NOW]).flat()
    isolate.applyDelta(gone(0, 2), NOW, NOW + 1)
    isolate.applyDelta(gone(2, MOST - 2), NOW, NOW + 2)
    isolate.applyDelta(gone(0, 1), NOW, NOW + 3)
    expect(isolate.heardSinceMs).toBe(NOW)
    isolate.applyDelta(gone(MOST, 1), NOW, NOW + 4)
    expect(isolate.heardSinceMs).toBe(NOW + 2)
    isolate.applyDelta(gone(MOST + 1, 1), NOW, NOW + 5)
    expect(isolate.heardSinceMs).toBe(NOW + 3)
    const remembered = [0, 1, 2, 3].map((i) => isolate.hasChangedSince(firstIdAt(NOW + i), NOW))
    expect(remembered).toEqual([true, false, false, true])
  })
})

describe('the slate and trends', () => {
  it('are read once a minute, and again when that failed', () => {
    const isolate = new FeedIsolate()
    expect([0, 59_999, 60_000].map((after) => isolate.sharedDue(NOW + after))).toEqual([true, false, true])
    isolate.readsFailed(false, true)
    expect(isolate.sharedDue(NOW + 60_001)).toBe(true)
  })

  it('are the old ones for everybody else while one request reads them anew', () => {
    const isolate = new FeedIsolate()
    const slate = [{ campaignId: '1', postId: P, authorId: ANN.id, bidCents: 5, perPersonPerDay: 3, hashtags: [] }]
    const first = rideAlong({ isolate }, NOW)
    // What only fills up what trends, P and the sentinel, is no candidate.
    first.take([[], JSON.stringify(slate), [Q, '5', '~', '0', P, '0']])
    const later = NOW + 60_000
    const renewing = rideAlong({ isolate }, later)
    expect(renewing.commands.map(([name]) => name)).toContain('GET')
    expect(rideAlong({ isolate }, later).commands).toEqual([])
    expect([isolate.slate, isolate.trending]).toEqual([slate, [{ id: Q, score: 5 }]])
    renewing.take([[], '[]', []])
    expect([isolate.slate, isolate.trending]).toEqual([[], []])
  })
})

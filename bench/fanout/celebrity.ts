/**
 * One author with a million followers, whose posts are pulled. The million are rows of the inverse table, which is what a
 * fan-out would read; a sample of them has warm timelines, and one of those reads.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { BenchOptions } from '../bench.ts'
import { median } from '../median.ts'
import { seededRandom } from '../random.ts'
import { follow, followInBulk } from './followers.ts'
import { countWith, POSTS, rounded, WARM_UPS } from './push.ts'
import { type Account, call, publish, type Stage, signUp } from './stage.ts'
import { readCounter } from './stages.ts'
import { until } from './until.ts'

const FOLLOWERS = 1_000_000
/** A reader who looks all the time, so that the delta is due when it is for everyone: about once a second. */
const READ_EVERY_MS = 10
/** Posts come at any moment of that second. */
const PAUSE_UP_TO_MS = 1_000
const TIMELINES_WRITTEN = 'tideline_fanout_timelines_total{outcome="pushed"}'

export interface CelebrityFigures {
  celebrityFollowers: number
  /** Pushes that the origin counted, and timelines of the sample that hold a post of the celebrity. */
  celebrityTimelineWrites: number
  /** Median from the 201 until a feed shows the post that is read in another place of the edge. */
  celebrityVisibleMs: number
  celebrityVisibleSlowestMs: number
}

export async function measureCelebrity(
  stage: Stage,
  sample: readonly Id[],
  { say }: BenchOptions,
): Promise<CelebrityFigures> {
  const celebrity = await signUp(stage, 'bench.celebrity')
  await follow(celebrity.userId, sample, stage.database)
  await followInBulk(celebrity.userId, FOLLOWERS - sample.length, stage.database)
  await stage.database.query(
    `insert into author_modes (author_id, mode, applied_mode, version, applied_version) values ($1, 'pull', 'pull', 1, 1)`,
    [celebrity.userId],
  )
  say(`a celebrity with ${FOLLOWERS} followers`)
  const feed = await feedOf(stage, celebrity)
  const metrics = () => readCounter(stage.origin.url, stage.origin.token, TIMELINES_WRITTEN)
  const before = await metrics()
  const random = seededRandom(5)
  const times: number[] = []
  let last: Id = '0'
  for (let i = 0; i < WARM_UPS + POSTS; i++) {
    const { id, at } = await publish(stage, celebrity, `as a celebrity ${i}`)
    await until(async () => (await feed()).includes(id), 'the feed does not show the celebrity’s post', READ_EVERY_MS)
    if (i >= WARM_UPS) times.push(performance.now() - at)
    const pauseEnds = performance.now() + random() * PAUSE_UP_TO_MS
    while (performance.now() < pauseEnds) {
      await feed()
      await delay(READ_EVERY_MS)
    }
    last = id
  }
  await untilAnnounced(stage, celebrity, last)
  return {
    celebrityFollowers: FOLLOWERS,
    celebrityTimelineWrites: (await metrics()) - before + (await countWith(stage.redis, sample, last)),
    celebrityVisibleMs: rounded(median(times)),
    celebrityVisibleSlowestMs: rounded(Math.max(...times)),
  }
}

/** Somebody who follows the celebrity, at another place of the edge. Answers the ids on the first page of their feed. */
async function feedOf(stage: Stage, celebrity: Account): Promise<() => Promise<Id[]>> {
  const reader = await signUp(stage, 'bench.reader')
  await call(new URL(`/v1/users/${celebrity.userId}/follow`, stage.url), reader.accessToken, { method: 'PUT' })
  const feed = new URL('/v1/feed?limit=10&mode=following', await stage.elsewhere())
  return async () => {
    const page = await call<{ items: { id: Id }[] }>(feed, reader.accessToken, { method: 'GET' })
    return page.items.map(({ id }) => id)
  }
}

/** Its announcement in the delta is the last thing that fan-out writes for a celebrity. */
function untilAnnounced({ redis }: Stage, { userId }: Account, post: Id): Promise<void> {
  const announced = async () => {
    const [members] = await redis.pipeline([['ZRANGE', keys.delta(), 0, -1]])
    return Array.isArray(members) && members.includes(`p:${userId}:${post}`)
  }
  return until(announced, 'the celebrity’s post was not announced')
}

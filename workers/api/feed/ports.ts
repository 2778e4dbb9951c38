/** What the feed needs of its surroundings: handed over by the route, so that the stages' wiring knows no framework. */
import type { ReadLayer } from '#core/edge-observations.ts'
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import type { FeedPolicy, RankModel } from '#core/feed/index.ts'
import type { Clock, Id } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Hidden } from '#core/timeline/index.ts'
import type { Database } from '#drizzle/database.ts'
import type { FeedIsolate } from './isolate.ts'
import type { PageSoFar } from './page.ts'

export interface FeedPorts {
  redis: RedisPort
  db: Database
  clock: Clock
  isolate: FeedIsolate
  policy: FeedPolicy
  /** How far timelines and authors' lists reach: what is rebuilt here must reach as far as fan-out keeps it. */
  fanout: Pick<FanoutPolicy, 'timelineLength' | 'authorLength' | 'celebritiesPerRead' | 'celebsMaxAgeMs'>
  model: RankModel
  /** Origin of image addresses, '' for relative ones. */
  imageBase: string
  /** A token that nobody else uses, for a rebuild's placeholder. */
  token(): string
  /** Whether posts below a page may come from a replica, for this reader and now. */
  mayLag(reader: Id): Promise<boolean>
  /** Runs after the answer; a failure is logged, not told. */
  later(work: () => Promise<unknown>): void
  /** Notes that a dependency was away while this page was made. */
  degraded(what: 'redis' | 'postgres'): void
  /** Whether an error says that a dependency is away, rather than that we are wrong. */
  isAway(error: unknown): boolean
  /**
   * Is told, once it is known whom to hide and what a page's candidates are, how to make a page of what was read so far: to be
   * shown where the rest comes too late.
   */
  soFar(page: () => PageSoFar): void
  /** Is told whom the reader must not see as soon as that is known, though the page may come to nothing. */
  hides(hidden: Hidden): void
  /** Cache hits and misses by layer, for metrics. */
  count(layer: ReadLayer, hits: number, misses: number): void
}

/** The edge: its own feed requests (workers/api/feed), over a Redis and a database whose every call is a step. */
import { DEFAULT_MODEL } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { FeedIsolate } from '../../workers/api/feed/isolate.ts'
import type { FeedPorts } from '../../workers/api/feed/ports.ts'
import { type FeedQuery, serveFeed } from '../../workers/api/feed/serve.ts'
import { SMALL_FEED } from './cast.ts'
import type { ShownPost } from './expectations.ts'
import type { Stage } from './stage.ts'

export interface Walk {
  /** Serves one page. Answers what it shows and the cursor of the next. */
  page(cursor: string | null): Promise<{ shown: ShownPost[]; cursor: string | null }>
  /** Remembers what others have read: a post that Redis shows already may come with the next delta only. */
  readonly remembers: boolean
  end(): void
}

export class Edge {
  readonly #stage: Stage
  /** Isolates that remember, and serve nobody just now. What one knows is a delta behind while others read beside it. */
  readonly #idle = [new FeedIsolate(), new FeedIsolate()]
  #tokens = 0

  constructor(stage: Stage) {
    this.#stage = stage
  }

  /** A walk of one reader through one isolate. */
  begin(user: Id): Walk {
    const { scheduler } = this.#stage
    const kept = scheduler.chance(0.5) ? this.#idle.pop() : undefined
    const mode = scheduler.chance(0.5) ? 'ranked' : 'following'
    const query = { user, mode, limit: SMALL_FEED.pageSize } as const
    return {
      page: (cursor) => this.#page({ ...query, cursor }, kept ?? new FeedIsolate()),
      remembers: kept !== undefined,
      end: () => {
        if (kept !== undefined) this.#idle.push(kept)
      },
    }
  }

  async #page(query: FeedQuery, isolate: FeedIsolate) {
    // A second has passed since its last request: the delta is due.
    isolate.readsFailed(true, false)
    const { items, cursor } = await serveFeed(query, this.#ports(isolate))
    const celebrities = strings(this.#stage.peek(['SMEMBERS', keys.celebs(query.user)]))
    const shown = items.map(({ post, candidate }) => ({
      id: post.id,
      author: post.authorId,
      merged: candidate.reason === 'celebrity' && celebrities.includes(post.authorId),
    }))
    return { shown, cursor }
  }

  #ports(isolate: FeedIsolate): FeedPorts {
    const { scheduler, redis, truth, clock, policy } = this.#stage
    return {
      ...{ redis, db: truth.edge, clock, isolate, policy: SMALL_FEED, fanout: policy, model: DEFAULT_MODEL },
      imageBase: '',
      token: () => String(++this.#tokens),
      later: (work) => {
        // One in ten is never done: its isolate was gone.
        if (scheduler.chance(0.9)) this.#stage.spawn('after a page', () => this.#late(work))
      },
      degraded: (what) => {
        throw new Error(`${what} is said to be away`)
      },
      isAway: () => false,
      soFar: () => {},
      hides: () => {},
      mayLag: async () => false,
      count: () => {},
    }
  }

  async #late(work: () => Promise<unknown>): Promise<void> {
    const { scheduler } = this.#stage
    const longest = scheduler.chance(0.15) ? 120 : 24
    for (let wait = scheduler.below(longest); wait > 0; wait--) await scheduler.step(() => {})
    await work()
  }
}

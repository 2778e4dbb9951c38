/** The edge: its own feed requests (workers/api/feed), over a Redis and a database whose every call is a step. */
import { DEFAULT_MODEL } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, type RedisPort, type Reply, strings } from '#core/redis.ts'
import { FeedIsolate } from '../../workers/api/feed/isolate.ts'
import type { FeedPage, PageSoFar } from '../../workers/api/feed/page.ts'
import type { FeedPorts } from '../../workers/api/feed/ports.ts'
import { type FeedQuery, serveFeed } from '../../workers/api/feed/serve.ts'
import { SMALL_FEED } from './cast.ts'
import type { ShownPost } from './expectations.ts'
import type { Stage } from './stage.ts'

/** Steps that a page takes at most, or so: some are cut short at each. */
const LONGEST_PAGE = 60

export interface Walk {
  /** Serves one page. Answers what it shows and the cursor of the next. */
  page(cursor: string | null): Promise<{ shown: ShownPost[]; cursor: string | null }>
  /** Remembers what others have read: a post that Redis shows already may come with the next delta only. */
  readonly remembers: boolean
  end(): void
}

/** As the gateway of a cluster does it (origin/gateway/upstash/cluster/mget.ts): each key of an MGET is read for itself. */
async function keyByKey(redis: RedisPort, commands: readonly Command[]): Promise<Reply[]> {
  const keysOf = (command: Command) => (command[0] === 'MGET' ? command.slice(1) : null)
  const taken = commands.flatMap((command) => keysOf(command)?.map((key): Command => ['GET', key]) ?? [command])
  const replies = (await redis.pipeline(taken)).values()
  const next = (): Reply => replies.next().value ?? null
  return commands.map((command) => keysOf(command)?.map(next) ?? next())
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
    const { scheduler, latePages } = this.#stage
    const isLate = latePages > 0 && scheduler.chance(latePages)
    const { items, cursor } = await (isLate
      ? this.#latePage(query, isolate)
      : serveFeed(
          query,
          this.#ports(isolate, () => {}),
        ))
    const celebrities = strings(this.#stage.peek(['SMEMBERS', keys.celebs(query.user)]))
    const shown = items.map(({ post, candidate }) => ({
      id: post.id,
      author: post.authorId,
      merged: candidate.reason === 'celebrity' && celebrities.includes(post.authorId),
    }))
    return { shown, cursor }
  }

  /** What has been read of a page when its time is over; the rest is read on behind it. */
  async #latePage(query: FeedQuery, isolate: FeedIsolate): Promise<FeedPage> {
    const { scheduler, spawn } = this.#stage
    let soFar: () => PageSoFar | null = () => null
    const late: { page?: FeedPage; fault?: unknown } = {}
    const serve = async () => {
      const ports = this.#ports(isolate, (page) => {
        soFar = page
      })
      late.page = await serveFeed(query, ports)
    }
    // Whoever waits for the page hears of its fault, too: those of processes are read when all have ended.
    const serveOrSay = () =>
      serve().catch((fault: unknown) => {
        late.fault = fault
        throw fault
      })
    spawn('a late page', serveOrSay)
    for (let steps = scheduler.below(LONGEST_PAGE); ; steps--) {
      await scheduler.step(() => {})
      if ('fault' in late) throw late.fault
      if (late.page !== undefined) return late.page
      const known = steps > 0 ? null : soFar()
      if (known !== null && (known.isFull || known.page.items.length > 0)) return known.page
    }
  }

  #ports(isolate: FeedIsolate, soFar: FeedPorts['soFar']): FeedPorts {
    const { scheduler, truth, clock, policy } = this.#stage
    return {
      ...{
        redis: this.#redis,
        db: truth.edge,
        clock,
        isolate,
        policy: SMALL_FEED,
        fanout: policy,
        model: DEFAULT_MODEL,
      },
      imageBase: '',
      token: () => String(++this.#tokens),
      later: (work) => {
        // One in ten is never done: its isolate was gone.
        if (scheduler.chance(0.9)) this.#stage.spawn('after a page', () => this.#afterPage(work))
      },
      degraded: (what) => {
        throw new Error(`${what} is said to be away`)
      },
      isAway: () => false,
      soFar,
      hides: () => {},
      mayLag: async () => false,
      count: () => {},
    }
  }

  /** Nobody recommends here: what would come after the followed posts races with nothing, and reading it is no step. */
  readonly #redis: RedisPort = {
    pipeline: async (commands) =>
      String(commands[0]?.[1]).startsWith('rec:') ? commands.map(() => null) : keyByKey(this.#stage.redis, commands),
  }

  async #afterPage(work: () => Promise<unknown>): Promise<void> {
    const { scheduler } = this.#stage
    const longest = scheduler.chance(0.15) ? 120 : 24
    for (let wait = scheduler.below(longest); wait > 0; wait--) await scheduler.step(() => {})
    await work()
  }
}

/** Graph, fan-out and crossings on Postgres and Redis, embedded: what their tests stand on. */
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { EventData, TidelineEvent } from '#core/events.ts'
import { createIdFactory, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, type RedisPort, strings } from '#core/redis.ts'
import { follow, type unfollow } from '#drizzle/queries/graph.ts'
import { crossing } from '../../origin/fanout/crossing.ts'
import { createLanes } from '../../origin/fanout/lanes.ts'
import { postgresFanout } from '../../origin/fanout/postgres.ts'
import { fanoutService } from '../../origin/fanout/service.ts'
import { postgresGraph } from '../../origin/graph/postgres.ts'
import { graphService } from '../../origin/graph/service.ts'
import { SMALL_POLICY } from '../interleavings/cast.ts'
import { startDatabase, startRedis } from './engines.ts'

const POLICY = { ...SMALL_POLICY, inlineFollowers: 2, timelineLength: 50, timelineTrimAt: 60, unfollowedForMs: 0 }
const ids = createIdFactory(Date.now, Math.random)

type Whose = <T>(work: () => Promise<T>) => Promise<T>
type FollowEvent = { event: { data: EventData<'follow.changed'> } }
type TierStage = Awaited<ReturnType<typeof startTierStage>>

/** A stage for the tests of a file: it stands before the first of them, and is empty before each. */
export function useTierStage(): TierStage {
  const stage = {} as TierStage
  beforeAll(async () => {
    Object.assign(stage, await startTierStage())
  }, 60_000)
  afterAll(() => stage.close())
  beforeEach(() => stage.clear())
  return stage
}

async function startTierStage() {
  const [postgres, server] = await Promise.all([startDatabase(), startRedis()])
  /** What fan-out has published, and the pipelines that were sent, since `clear`. */
  const seen = { events: [] as TidelineEvent[], pipelines: [] as Command[][] }
  const redis: RedisPort = {
    pipeline(commands) {
      seen.pipelines.push([...commands])
      return server.redis.pipeline(commands)
    },
  }
  function services({ policy = POLICY, whenIdle = ((work) => work()) as Whose } = {}) {
    const common = { redis, policy, clock: Date.now, random: Math.random }
    const store = postgresFanout(postgres.database)
    const publish = async (events: readonly TidelineEvent[]) => void seen.events.push(...events)
    const lanes = createLanes(Date.now)
    const load = () => 'calm' as const
    const fanout = fanoutService({ ...common, store, publish, lanes, load, observe: () => {} })
    const crossings = crossing({ ...common, store, publish, lanes, flushOutbox: async () => {} })
    const purges = postgresGraph(postgres.database)
    const graph = graphService({ ...common, store: purges, onFollowers: async () => {}, whenIdle })
    return { fanout, crossings, graph, store, purges }
  }
  const one = async (command: Command) => (await server.redis.pipeline([command]))[0]
  const commit = async (make: typeof follow | typeof unfollow, reader: Id, author: Id) =>
    (await postgres.database.query<FollowEvent>(make(reader, author, null)))[0]!.event.data
  return {
    policy: POLICY,
    postgres,
    server,
    seen,
    services,
    one,
    commit,
    async clear() {
      await server.redis.pipeline([['FLUSHALL']])
      await postgres.pool.query('truncate timeline_purges')
      seen.events = []
      seen.pipelines = []
    },
    async close() {
      await server.close()
      await postgres.close()
    },
    timeline: async (user: Id) => strings(await one(['ZRANGE', keys.timeline(user), 0, -1])),
    warm: (user: Id, floor = 0) => one(['ZADD', keys.timeline(user), floor, '~']),
    async person(): Promise<Id> {
      const id = ids.next(3)
      await postgres.pool.query('insert into users (user_id, username, email) values ($1, $2, $2)', [id, `u${id}`])
      return id
    },
    async post(author: Id): Promise<Id> {
      const id = ids.next(3)
      await postgres.pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [id, author])
      return id
    },
    async followed(reader: Id, author: Id): Promise<void> {
      await services().graph.followChanged(await commit(follow, reader, author))
    },
  }
}

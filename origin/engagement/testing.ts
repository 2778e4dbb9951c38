/** An engagement tier over real engines, for tests: its clock moves and its line to Redis is cut when they say so. */
import { createIdFactory, type Id } from '#core/ids.ts'
import { type Command, RedisAwayError, type RedisPort } from '#core/redis.ts'
import { startDatabase, startRedis } from '../../test/contract/engines.ts'
import { openPostgresLog } from '../../test/contract/event-log-engines.ts'
import type { RequestContext } from '../internal-api.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createEngagement, postgresEngagement } from './index.ts'
import { createRollUp } from './roll-up.ts'

const logger = createLogger({ level: 'silent' })
export const context: RequestContext = {
  requestId: 'test',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  logger,
}
const ids = createIdFactory(Date.now, Math.random)
export const newId = (): Id => ids.next(3)

export type Stage = Awaited<ReturnType<typeof openStage>>

/** Starts the engines; `begin` in each test, `close` after the last. */
export async function openStage() {
  const [postgres, server] = await Promise.all([startDatabase(), startRedis()])
  const log = openPostgresLog(postgres.database)
  const { database, pool } = postgres
  const moment = { now: 0, drift: 0, isRedisAway: false }
  const clock = () => moment.now
  const store = () => postgresEngagement(database)
  /** The real port, and what a cut line to it looks like. */
  const redis: RedisPort = {
    pipeline: (commands) =>
      moment.isRedisAway ? Promise.reject(new RedisAwayError('cut')) : server.redis.pipeline(commands),
  }
  const rollUp = (owner = 'test') => {
    const onRecount = (by: number) => {
      moment.drift += by
    }
    return createRollUp({ redis, store: store(), posts: database, clock, owner, onRecount })
  }
  const open = (over = store()) =>
    createEngagement({ store: over, redis, log, posts: database, metrics: createMetrics(), logger, clock })
  const engagement = open()

  return Object.assign(moment, {
    ...{ database, pool, redis, log, store, rollUp, open, engagement, roll: rollUp() },
    /** Redis itself, whether the line is cut or not. */
    engine: server.redis,
    /** A fresh Redis, a fresh roll-up and a new moment. */
    async begin(): Promise<{ post: Id; author: Id }> {
      moment.isRedisAway = false
      await server.redis.pipeline([['FLUSHALL']])
      moment.now = Date.now()
      moment.drift = 0
      this.roll = rollUp()
      const [post, author] = [newId(), newId()]
      await pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [post, author])
      return { post, author }
    },
    one: async (command: Command) => (await server.redis.pipeline([command]))[0],
    like: (post: Id, user: Id, author: Id, at = moment.now) =>
      engagement.handlers['engagement.like']!({ postId: post, userId: user, authorId: author, at }, context),
    unlike: (post: Id, user: Id, author: Id, at = moment.now) =>
      engagement.handlers['engagement.unlike']!({ postId: post, userId: user, authorId: author, at }, context),
    rowCounts: async (post: Id) =>
      (await pool.query('select like_count, comment_count from posts where post_id = $1', [post])).rows[0],
    async close() {
      await engagement.close()
      await log.close()
      await server.close()
      await postgres.close()
    },
  })
}

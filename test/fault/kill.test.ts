/** One short round on each kind of Redis; `npm run test:kill` runs twenty long ones. */
import { expect, it } from 'vitest'
import { killRound } from './kill.ts'
import { redisCommand, startSeparateRedis } from './redis-server.ts'

const ROUND = { posts: 120, authors: 4, followers: 4, random: Math.random }
const PATIENCE = 300_000

it(
  'no post is lost and none is doubled when the origin is killed, with the embedded Redis',
  async () => {
    const { created, accepted, killedAt } = await killRound({ ...ROUND, redisUrl: 'embedded' })
    expect(killedAt).toBeGreaterThan(0)
    expect(created + accepted).toBeGreaterThan(ROUND.posts / 2)
  },
  PATIENCE,
)

const command = redisCommand()
/** A run shows titles, not conditions. */
const unlessThere = command === null ? ' (skipped: no redis-server on the PATH)' : ''

it.skipIf(command === null)(
  `no post is lost and none is doubled when the origin is killed, with a Redis that survives it${unlessThere}`,
  async () => {
    const redis = await startSeparateRedis(command ?? '')
    try {
      const { created, accepted } = await killRound({ ...ROUND, redisUrl: redis.url })
      expect(created + accepted).toBeGreaterThan(ROUND.posts / 2)
    } finally {
      await redis.close()
    }
  },
  PATIENCE,
)

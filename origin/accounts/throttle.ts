/** How often a password may be guessed for one login. */
import { createHash } from 'node:crypto'
import { keys, TTL } from '#core/keys.ts'
import { problems } from '#core/problem.ts'
import { integer, RedisAwayError, type RedisPort } from '#core/redis.ts'

/** Tries in five minutes: more than a person needs, and 10^6 guesses would take a year. */
export const SIGN_IN_ATTEMPTS = 10

export interface SignInThrottle {
  /** @throws Problem 429 when this login was tried too often */
  admit(login: string): Promise<void>
  /** The right password forgets the wrong ones. */
  forget(login: string): Promise<void>
}

/** Without Redis everybody is admitted: people must get in, and guessing still costs a hash each. */
export function redisThrottle(redis: RedisPort): SignInThrottle {
  const keyOf = (login: string) => keys.signInAttempts(createHash('sha256').update(login).digest('base64url'))
  const unlessAway = (error: unknown) => {
    if (!(error instanceof RedisAwayError)) throw error
    return null
  }
  return {
    async admit(login) {
      const key = keyOf(login)
      const replies = await redis
        .pipeline([
          ['INCR', key],
          ['EXPIRE', key, TTL.signInAttempts, 'NX'],
          ['TTL', key],
        ])
        .catch(unlessAway)
      if (replies === null) return
      if (integer(replies[0]) > SIGN_IN_ATTEMPTS) throw problems.tooMany(Math.max(1, integer(replies[2])))
    },
    async forget(login) {
      await redis.pipeline([['DEL', keyOf(login)]]).catch(unlessAway)
    },
  }
}

/** Which process does a job that one at a time is enough for. Two at once do no harm, but twice the work. */
import { keys } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'

export interface LeaseNeeds {
  redis: RedisPort
  job: string
  /** Names this process. */
  owner: string
  /** Milliseconds until another may take over. */
  leaseMs: number
}

/** Takes or keeps the lease. @returns false while another process holds it */
export async function holdLease({ redis, job, owner, leaseMs }: LeaseNeeds): Promise<boolean> {
  const key = keys.lease(job)
  const [, holder] = await redis.pipeline([
    ['SET', key, owner, 'NX', 'PX', leaseMs],
    ['GET', key],
  ])
  if (holder !== owner) return false
  await redis.pipeline([['PEXPIRE', key, leaseMs]])
  return true
}

import type { OriginRedis } from '../redis/index.ts'

/** From this share of its memory on a Redis is nearly full: what does not fit is refused, and fails everything that writes. */
export const NEARLY_FULL = 0.9

/** Memory used of what is allowed, on the fullest master; 0 where none has a limit. A master that is away is passed over. */
export async function memoryShare(redis: Pick<OriginRedis, 'masters'>): Promise<number> {
  const answers = await Promise.allSettled(redis.masters().map((master) => master.pipeline([['INFO', 'memory']])))
  const shares = answers.map((answer) => (answer.status === 'fulfilled' ? shareOf(String(answer.value[0])) : 0))
  return Math.max(0, ...shares)
}

function shareOf(info: string): number {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
  const limit = field('maxmemory')
  return limit === 0 ? 0 : field('used_memory') / limit
}

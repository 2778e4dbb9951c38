import type { OriginRedis } from '../redis/index.ts'

/** From this share of its memory on a Redis is nearly full: what does not fit is refused, and fails everything that writes. */
export const NEARLY_FULL = 0.9

export interface RedisMemory {
  /**
   * Used of what is allowed, on the fullest master; 0 where none has a limit. Masters that evict are passed over, since they are
   * always full and refuse nothing, and so are those that are away.
   */
  share: number
  /** By name the masters that evict: they forget what nobody derives again (docs/guides/deploy.md, section 1). */
  evicting: string[]
}

export async function redisMemory(redis: Pick<OriginRedis, 'masters'>): Promise<RedisMemory> {
  const masters = redis.masters()
  const answers = await Promise.allSettled(masters.map((master) => master.pipeline([['INFO', 'memory']])))
  const memory: RedisMemory = { share: 0, evicting: [] }
  for (const [i, answer] of answers.entries()) {
    if (answer.status === 'rejected') continue
    const info = String(answer.value[0])
    const limit = Number(field(info, 'maxmemory') ?? 0)
    if (limit === 0) continue
    if ((field(info, 'maxmemory_policy') ?? 'noeviction') !== 'noeviction') memory.evicting.push(masters[i]!.name)
    else memory.share = Math.max(memory.share, Number(field(info, 'used_memory') ?? 0) / limit)
  }
  return memory
}

const field = (info: string, name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]

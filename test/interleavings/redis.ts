/** The embedded engine without its socket: pipelines of which others' commands may come in between, as Redis allows. */
import type { Clock } from '#core/ids.ts'
import { type Command, RedisCommandError, type RedisPort, type Reply } from '#core/redis.ts'
import { spansSlots } from '#core/redis-slots.ts'
import { detachedClient } from '../../origin/embedded/redis/detached-client.ts'
import { createEngine } from '../../origin/embedded/redis/engine.ts'
import { type Reply as EngineReply, ReplyError, Status } from '../../origin/embedded/redis/reply.ts'
import type { Scheduler } from './scheduler.ts'

export interface DirectRedis {
  execute(command: Command): Reply
}

export function directRedis(clock: Clock): DirectRedis {
  const { engine } = createEngine({
    clock,
    random: Math.random,
    runId: 'interleavings',
    port: () => 0,
    saveNow: () => {},
    saveSoon: () => {},
    onFault: (error) => {
      throw error
    },
  })
  const client = detachedClient({ id: 1, connectedAt: 0, address: '', name: '' })
  return {
    execute(command) {
      // What the edge and the consumers send must be right for a cluster, which this engine is not.
      if (spansSlots(command)) throw new RedisCommandError(String(command[0]), 'its keys lie in several slots')
      return plain(command, engine.execute(client, command.map(String)))
    },
  }
}

function plain(command: Command, reply: EngineReply): Reply {
  if (reply instanceof Status) return reply.text
  if (reply instanceof ReplyError) throw new RedisCommandError(String(command[0]), reply.message)
  if (Array.isArray(reply)) return reply.map((item: EngineReply) => plain(command, item))
  if (typeof reply === 'symbol') return null
  return typeof reply === 'bigint' ? Number(reply) : (reply as Reply)
}

/** A port whose pipelines are cut into steps at random places. `rewrite` may take a rule out. */
export function steppedRedis(
  redis: DirectRedis,
  scheduler: Scheduler,
  rewrite: (command: Command) => readonly Command[] = (command) => [command],
): RedisPort {
  return {
    async pipeline(commands) {
      const replies: Reply[] = []
      while (replies.length < commands.length) {
        const left = commands.length - replies.length
        const taken = scheduler.chance(0.6) ? left : 1 + scheduler.below(left)
        await scheduler.step(() => {
          for (let i = 0; i < taken; i++) replies.push(runRewritten(redis, rewrite(commands[replies.length]!)))
        })
      }
      return replies
    },
  }
}

/** The last command's reply stands for the one that was rewritten; none: nobody was there to answer. */
function runRewritten(redis: DirectRedis, commands: readonly Command[]): Reply {
  let reply: Reply = null
  for (const command of commands) reply = redis.execute(command)
  return reply
}

/**
 * The Redis port over the Upstash SDK. One POST /pipeline a call; no retries, since a feed has better things to do than
 * wait (it falls back to Postgres), and no automatic deserialization, which would turn ids into Numbers.
 */
import { Redis } from '@upstash/redis/cloudflare'
import type { Breaker } from '#core/breaker.ts'
import type { Clock } from '#core/ids.ts'
import { URGENCY } from '#core/load.ts'
import {
  type Command,
  isAwayReply,
  RedisAwayError,
  RedisCommandError,
  type RedisPort,
  type Reply,
} from '#core/redis.ts'

type PipelineAnswer = readonly { result?: Reply; error?: string }[]

/** By urgency; what says nothing has 3 (RFC 9218). Upstash does not look at it, our gateway does when there is much to do. */
const PRIORITY = Array.from({ length: 8 }, (_, urgency): Record<string, string> => ({ priority: `u=${urgency}` }))
const ORDINARY = URGENCY.interactive

/** How our gateway and Upstash refuse what they could serve a moment later: that is no outage. */
const isCrowded = (error: unknown) => error instanceof Error && /^ERR (too many|max requests limit)/.test(error.message)

/** The SDK's client sends commands as its own classes; ours are data already, so they go to its HTTP client directly. */
class CommandClient extends Redis {
  constructor(config: UpstashConfig, punctuality: Punctuality) {
    super({
      url: config.url,
      token: config.token,
      retry: false,
      signal: () => silence(config.timeoutMs, punctuality),
      automaticDeserialization: false,
      responseEncoding: false,
      enableTelemetry: false,
      enableAutoPipelining: false,
      readYourWrites: false,
      latencyLogging: false,
    })
  }

  async send(commands: readonly Command[], urgency: number): Promise<PipelineAnswer> {
    const headers = PRIORITY[urgency] ?? {}
    return (await this.client.request({ path: ['pipeline'], body: commands, headers })) as unknown as PipelineAnswer
  }
}

export interface UpstashConfig {
  url: string
  token: string
  /** Milliseconds for a whole round trip. */
  timeoutMs: number
}

/** @param urgency of the request that asks (core/load.ts) */
export interface EdgeRedis extends RedisPort {
  pipeline(commands: readonly Command[], urgency?: number): Promise<Reply[]>
}

/** When it is, and by how many milliseconds this isolate is late with what it has to do. */
export interface Punctuality {
  clock: Clock
  lagMs(): number
}

/** Turns of the isolate's event loop that a round trip takes: to send, to hear of the answer, to read it. */
const TURNS = 3
/** How often it is looked at most: a silence that lasts for so many times the usual one is Redis' own. */
const LOOKS = 4

/**
 * Aborts after a silence of so many milliseconds. What the isolate itself is late by does not count: the answer may lie there,
 * behind what else there is to do. Else an isolate with much to do takes Redis for away, and has more to do.
 */
function silence(timeoutMs: number, { clock, lagMs }: Punctuality): AbortSignal {
  const controller = new AbortController()
  const sinceMs = clock()
  const lookAfter = (ms: number, looks: number) => {
    const dueMs = clock() + ms
    setTimeout(() => {
      const now = clock()
      const leftMs = sinceMs + timeoutMs + TURNS * Math.max(lagMs(), now - dueMs) - now
      if (leftMs > 1 && looks < LOOKS) lookAfter(Math.min(leftMs, timeoutMs), looks + 1)
      else controller.abort(new DOMException(`no answer for ${timeoutMs} ms`, 'TimeoutError'))
    }, ms)
  }
  lookAfter(timeoutMs, 1)
  return controller.signal
}

/** Holds no socket and no promise between calls: one client serves all requests of an isolate. */
export function upstashRedis(config: UpstashConfig, breaker: Breaker, punctuality: Punctuality): EdgeRedis {
  const client = new CommandClient(config, punctuality)
  return {
    async pipeline(commands, urgency = ORDINARY) {
      if (commands.length === 0) return []
      if (!breaker.allows()) throw new RedisAwayError('Redis has not answered lately and is left alone for a moment')
      let answer: PipelineAnswer
      try {
        answer = await client.send(commands, urgency)
      } catch (error) {
        if (isCrowded(error)) breaker.succeeded()
        else breaker.failed()
        throw new RedisAwayError('Redis did not answer', { cause: error })
      }
      breaker.succeeded()
      return replies(commands, answer)
    },
  }
}

function replies(commands: readonly Command[], answer: PipelineAnswer): Reply[] {
  if (!Array.isArray(answer) || answer.length !== commands.length) {
    throw new RedisAwayError('the Redis gateway answered something else than one reply a command')
  }
  const results: Reply[] = new Array(answer.length)
  for (let i = 0; i < answer.length; i++) {
    const { result, error } = answer[i]!
    if (error !== undefined) throw refused(String(commands[i]![0]), error)
    results[i] = result ?? null
  }
  return results
}

function refused(command: string, message: string): Error {
  return isAwayReply(message) ? new RedisAwayError(`${command}: ${message}`) : new RedisCommandError(command, message)
}

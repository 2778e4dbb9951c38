import type { Answer } from './answer.ts'
import { exchangeOf, type RedisBackend, type RedisRequest } from './backend.ts'
import { GatewayError, timedOut, tooBusy } from './errors.ts'
import { type Access, judge } from './policy.ts'
import type { Command } from './resp.ts'
import type { GatewayLimits } from './settings.ts'

/** Runs commands for one token, in one encoding. */
export interface Executor {
  /** `POST /` and the path form. */
  one(command: Command, access: Access, base64: boolean): Promise<Answer>
  /** `POST /pipeline`: every command answers for itself. */
  pipeline(commands: readonly Command[], access: Access, base64: boolean): Promise<Answer>
  /** `POST /multi-exec`: all or nothing. */
  transaction(commands: readonly Command[], access: Access, base64: boolean): Promise<Answer>
}

/** A stand-in for commands that are acknowledged and not run: Redis itself says OK, in its place among the replies. */
const SAY_OK: Command = ['ECHO', 'OK']

export function createExecutor(redis: RedisBackend, limits: GatewayLimits): Executor {
  let blocked = 0

  /** A blocking command waits on a connection of its own: on the shared one, everybody would wait with it. */
  async function runBlocking(request: RedisRequest): Promise<Answer> {
    if (blocked >= limits.blockingConnections) throw tooBusy('blocking commands')
    blocked++
    try {
      const connection = await redis.dedicated(request.commands)
      let late = false
      const timer = setTimeout(() => {
        late = true
        connection.destroy()
      }, limits.blockingTimeoutMs)
      try {
        return await connection.exchange(exchangeOf(request))
      } catch (error) {
        throw late ? timedOut(limits.blockingTimeoutMs) : error
      } finally {
        clearTimeout(timer)
        connection.destroy()
      }
    } finally {
      blocked--
    }
  }

  async function run(commands: readonly Command[], form: 'one' | 'pipeline', access: Access, base64: boolean) {
    const { allowed, refused, blocking } = sort(commands, access)
    if (allowed.length === 0) return refusal(form, [...refused!.values()])
    const request: RedisRequest = { commands: allowed, form, base64 }
    if (refused !== undefined) request.refused = refused
    return blocking ? runBlocking(request) : redis.run(request)
  }

  return {
    one: (command, access, base64) => run([command], 'one', access, base64),
    pipeline: (commands, access, base64) => run(commands, 'pipeline', access, base64),
    async transaction(commands, access, base64) {
      // Inside MULTI a blocking command does not block, so nothing needs a connection of its own here: the
      // transaction is written in one piece, and no other request's commands can come between its own.
      const { allowed, refused } = sort(commands, access)
      if (refused !== undefined) throw new GatewayError(400, [...refused.values()][0]!)
      return redis.run({ commands: allowed, form: 'transaction', base64 })
    },
  }
}

interface Sorted {
  allowed: readonly Command[]
  refused: Map<number, string> | undefined
  blocking: boolean
}

function sort(commands: readonly Command[], access: Access): Sorted {
  let refused: Map<number, string> | undefined
  let changed: Command[] | undefined
  let blocking = false
  for (let i = 0; i < commands.length; i++) {
    const command = commands[i]!
    const verdict = judge(command, access)
    if (verdict === 'shared') changed?.push(command)
    else {
      changed ??= commands.slice(0, i)
      if (verdict === 'blocking') {
        blocking = true
        changed.push(command)
      } else if (verdict === 'acknowledge') changed.push(SAY_OK)
      else {
        refused ??= new Map()
        refused.set(i, verdict.refused)
      }
    }
  }
  return { allowed: changed ?? commands, refused, blocking }
}

/** The answer when nothing is left to send. */
function refusal(form: 'one' | 'pipeline', texts: readonly string[]): Answer {
  const entries = texts.map((error) => ({ error }))
  return {
    status: form === 'one' ? 400 : 200,
    body: Buffer.from(JSON.stringify(form === 'one' ? entries[0] : entries)),
    commands: entries.length,
    failed: entries.length,
  }
}

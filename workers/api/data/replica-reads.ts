/**
 * Whether a read may come from a replica. A read that may lag still shows its reader what they did themselves, and nobody
 * whom they block or who blocks them: Redis knows both, whichever isolate asks. What it does not know, the primary answers.
 */
import type { Clock, Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, RedisAwayError, type RedisPort, type Reply, strings } from '#core/redis.ts'
import { parseUsable, REPLICA_LIMITS } from '#core/replicas.ts'
import { parseHidden, readHidden } from '#core/timeline/index.ts'
import type { FeedIsolate } from '../feed/isolate.ts'

/** A reader whose reads may lag now. */
export interface LaggingReader {
  /** Whom the reader blocks, and who blocks them: to be left out of what a replica answers. */
  blocked: ReadonlySet<Id>
}

export interface ReplicaReads {
  /** There is a replica at all: without one nothing is asked and nothing noted. */
  readonly isConfigured: boolean
  /** One round trip. Null: this reader's reads go to the primary. */
  lagging(redis: RedisPort, reader: Id | null): Promise<LaggingReader | null>
}

export const NO_REPLICAS: ReplicaReads = Object.freeze({ isConfigured: false, lagging: async () => null })

/** What this isolate heard last of the replicas. */
export interface ReplicaVerdict {
  isUsable(database: number): boolean
  /** @returns whether any of them is near enough */
  hear(reply: Reply | undefined): boolean
}

export function replicaVerdict(clock: Clock): ReplicaVerdict {
  let usable: readonly number[] = []
  let untilMs = 0
  return {
    isUsable: (database) => clock() < untilMs && usable.includes(database),
    hear(reply) {
      usable = parseUsable(reply)
      untilMs = clock() + REPLICA_LIMITS.isolateMs
      return usable.length > 0
    },
  }
}

const NOBODY_BLOCKED: LaggingReader = { blocked: new Set() }
const BLOCKED = 'b:'

/** Notes a write for all isolates: from its beginning, since it may commit at any time after that. */
export const noteWrite = (writer: Id): Command => ['SET', keys.wrote(writer), '1', 'PX', REPLICA_LIMITS.ownWriteMs]

interface Needs {
  verdict: ReplicaVerdict
  isolate: Pick<FeedIsolate, 'trustsHidden'>
  isConfigured: boolean
  clock: Clock
}

export function replicaReads({ verdict, isolate, isConfigured, clock }: Needs): ReplicaReads {
  const readerOf = (reader: Id, [wrote, hidden]: readonly Reply[]): LaggingReader | null => {
    if (wrote !== 0 || parseHidden(hidden) === null || !isolate.trustsHidden(reader, clock())) return null
    const members = strings(hidden).filter((member) => member.startsWith(BLOCKED))
    return { blocked: new Set(members.map((member) => member.slice(BLOCKED.length))) }
  }
  return {
    isConfigured,
    async lagging(redis, reader) {
      if (!isConfigured) return null
      const own: Command[] = reader === null ? [] : [['EXISTS', keys.wrote(reader)], readHidden(reader)]
      try {
        const [reply, ...replies] = await redis.pipeline([['GET', keys.replicas()], ...own])
        if (!verdict.hear(reply)) return null
        return reader === null ? NOBODY_BLOCKED : readerOf(reader, replies)
      } catch (error) {
        if (error instanceof RedisAwayError) return null
        throw error
      }
    },
  }
}

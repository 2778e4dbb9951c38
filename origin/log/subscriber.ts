import { type Topic, uuidv7 } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { groupLag, registerGroup } from '#drizzle/queries/log.ts'
import type { Consumer, Subscription } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'
import type { BackoffPolicy } from './backoff.ts'
import type { Committer } from './committer.ts'
import type { Fetcher } from './fetcher.ts'
import type { HeldPartition, LogRecord } from './held-partition.ts'
import type { LogMetrics } from './log-metrics.ts'
import type { Membership } from './membership.ts'
import { createProcessor, type GivenUp, type Processor } from './processor.ts'

interface SubscriberOptions {
  database: Database
  committer: Committer
  fetcher: Fetcher
  membership: Membership
  /** The processors of this process's members, by member. */
  processors: Map<string, Processor>
  bury(held: HeldPartition, record: LogRecord, why: GivenUp): Promise<void>
  partitions: number
  concurrency: number
  backoff: BackoffPolicy
  clock: Clock
  random: Random
  logger: Logger
  metrics: LogMetrics
}

/** Makes members: each subscription of a process is one, with a processor of its own. */
export function createSubscriber(options: SubscriberOptions): <T extends Topic>(of: Subscription<T>) => Consumer {
  const { database, committer, fetcher, membership, processors, partitions, clock, random } = options
  const advanced = (held: HeldPartition) => {
    committer.mark(held)
    fetcher.resume(held)
  }
  return function subscribe<T extends Topic>(subscription: Subscription<T>): Consumer {
    const { group, topics } = subscription
    const member = uuidv7(clock, random)
    processors.set(member, createProcessor({ ...options, subscription, advanced }))
    membership.join({ member, group, topics })
    let isRegistered = false
    return {
      async lag() {
        // A group without places would seem to have nothing to handle.
        if (!isRegistered) await database.query(registerGroup(group, topics, partitions))
        isRegistered = true
        await committer.flush()
        const rows = await database.query<{ topic: T; lag: string }>(groupLag(group))
        return rows.filter((row) => topics.includes(row.topic)).reduce((sum, row) => sum + Number(row.lag), 0)
      },
      async stop() {
        if (!processors.has(member)) return
        await membership.leave([member])
        processors.delete(member)
      },
    }
  }
}

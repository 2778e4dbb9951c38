/** The reading half of the log: this process's members, the partitions they hold, what is fetched and what is committed. */
import type { Topic } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import type { Consumer, Subscription } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'
import type { BackoffPolicy } from './backoff.ts'
import { createCommitter } from './committer.ts'
import { createFetcher } from './fetcher.ts'
import type { HeldPartition, LogRecord } from './held-partition.ts'
import type { LogMetrics } from './log-metrics.ts'
import { createMembership } from './membership.ts'
import type { GivenUp, Processor } from './processor.ts'
import { createHeldRegistry } from './registry.ts'
import { createSubscriber } from './subscriber.ts'

interface ReadersOptions {
  database: Database
  partitions: number
  leaseMs: number
  concurrency: number
  backoff: BackoffPolicy
  poll: { minMs: number; maxMs: number }
  commitMs: number
  /** Stores a dead letter; resolves when it is durable. */
  bury(held: HeldPartition, record: LogRecord, why: GivenUp): Promise<void>
  clock: Clock
  random: Random
  logger: Logger
  metrics: LogMetrics
}

export interface Readers {
  subscribe<T extends Topic>(subscription: Subscription<T>): Consumer
  /** Says where messages were appended, as `topic/partition`; without places, that there may be some anywhere. */
  wake(places?: Iterable<string>): void
  /** Hands over all partitions, as each consumer's `stop` does, and reads no more. */
  close(): Promise<void>
}

export function createReaders(options: ReadersOptions): Readers {
  const { database, poll, commitMs, logger } = options
  const registry = createHeldRegistry()
  const processors = new Map<string, Processor>()
  const arrived = (held: HeldPartition) => processors.get(held.member)?.kick(held)
  const fetcher = createFetcher({ database, registry, poll, arrived, logger })
  const lost = (held: readonly HeldPartition[]) => membership.drop(held)
  const committer = createCommitter({ database, gatherMs: commitMs, lost, logger })
  const membership = createMembership({ ...options, registry, committer, taken: () => fetcher.wake() })
  return {
    subscribe: createSubscriber({ ...options, committer, fetcher, membership, processors }),
    wake: (places) => fetcher.wake(places),
    async close() {
      await membership.stop()
      await membership.leave([...processors.keys()])
      processors.clear()
      await fetcher.stop()
      committer.close()
    },
  }
}

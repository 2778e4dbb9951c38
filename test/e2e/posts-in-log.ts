/** Which posts the event log of a running origin has, whatever engine it is on: as a group of its own is told. */
import { randomUUID } from 'node:crypto'
import { postgresLog } from '../../origin/log/index.ts'
import { kafkaLog } from '../../origin/log/kafka/index.ts'
import type { Origin } from '../../origin/main.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'

export interface PostsInLog {
  /** Grows as the log gives them: what was appended before comes, too. */
  readonly appended: ReadonlySet<string>
  stop(): Promise<void>
}

export async function watchPosts({ config, engines }: Origin): Promise<PostsInLog> {
  const common = {
    clock: Date.now,
    random: Math.random,
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
  }
  const log =
    config.kafka === null
      ? postgresLog({ ...common, database: engines.directory })
      : kafkaLog({ ...common, ...config.kafka })
  const appended = new Set<string>()
  log.subscribe({
    group: `watch-${randomUUID()}`,
    topics: ['post.created'],
    handle: async (event) => {
      if (event.type === 'post.created') appended.add(event.data.postId)
    },
  })
  return { appended, stop: () => log.close() }
}

/** The log on Kafka for the contract: topics of its own for each test, at a broker that runs already. */
import { randomUUID } from 'node:crypto'
import { Admin } from '@platformatic/kafka'
import { type KafkaLog, type KafkaLogOptions, kafkaLog } from '../../origin/log/kafka/index.ts'
import type { KafkaClientName } from '../../origin/log/kafka/settings.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import type { LogEngine } from './event-log-engine.ts'

interface Where {
  brokers: readonly string[]
  client: KafkaClientName
  prefix: string
}

/** Short pauses, as for the other engines. The session is the shortest that brokers take by default. */
export function openKafkaLog(where: Where, options: Partial<KafkaLogOptions> = {}): KafkaLog {
  return kafkaLog({
    ...where,
    clock: Date.now,
    random: Math.random,
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
    topics: ['post.liked', 'user.changed'],
    partitions: 8,
    replication: 1,
    backoff: { firstMs: 5, maxMs: 50 },
    sessionMs: 6_000,
    drainMs: 4_000,
    maxWaitMs: 50,
    commitMs: 5,
    ...options,
  })
}

export async function startKafkaEngine(brokers: readonly string[], client: KafkaClientName): Promise<LogEngine> {
  const admin = new Admin({ clientId: 'contract', bootstrapBrokers: [...brokers] })
  const own = `contract-${randomUUID().slice(0, 8)}.`
  let tests = 0
  const where = () => ({ brokers: [...brokers], client, prefix: `${own}${tests}.` })
  return {
    gapless: false,
    forPublisher: () => ({ kind: 'kafka', ...where() }),
    open: ({ topics = [] } = {}) => openKafkaLog(where(), { topics: ['post.liked', 'user.changed', ...topics] }),
    openAndForget() {
      const log = openKafkaLog(where())
      return { log, die: () => log.sever() }
    },
    async clear() {
      const { prefix } = where()
      tests++
      const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix))
      if (topics.length > 0) await admin.deleteTopics({ topics })
    },
    stop: () => admin.close(),
  }
}

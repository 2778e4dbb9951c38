/** The log on Kafka for the contract: topics of its own for each test, at a broker that runs already. */
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { Admin } from '@platformatic/kafka'
import { serversOf } from '../../ops/cluster/profiles.ts'
import { type KafkaLog, type KafkaLogOptions, kafkaLog } from '../../origin/log/kafka/index.ts'
import type { KafkaClientName } from '../../origin/log/kafka/settings.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import type { LogEngine } from './event-log-engines.ts'

/** The brokers that KAFKA_BROKERS names, or those of the small cluster when they are up; null without any. */
export async function kafkaForTests(): Promise<string[] | null> {
  const { KAFKA_BROKERS } = process.env
  if (KAFKA_BROKERS) return KAFKA_BROKERS.split(',')
  const ports = serversOf('small')
    .filter(({ kind }) => kind === 'kafka')
    .map(({ port }) => port)
  const up = await Promise.all(ports.map(listens))
  return ports.length > 0 && up.every(Boolean) ? ports.map((port) => `127.0.0.1:${port}`) : null
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const answer = (there: boolean) => () => {
      socket.destroy()
      resolve(there)
    }
    socket.once('connect', answer(true)).once('error', answer(false))
  })
}

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

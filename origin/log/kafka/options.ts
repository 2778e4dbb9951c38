import type { Topic } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import type { Logger } from '../../observe/logger.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Certificates } from '../../tls.ts'
import type { BackoffPolicy } from '../backoff.ts'
import { LOG_TOPICS, TOPIC_SETTINGS } from '../topics.ts'
import { DEFAULT_KAFKA_CLIENT, type KafkaClientName, type SaslSettings } from './settings.ts'

export interface KafkaLogOptions {
  /** Addresses, host:port, of some brokers; the rest is learned from them. */
  brokers: readonly string[]
  client?: KafkaClientName
  /** Default: without TLS, without a sign-in. */
  tls?: Certificates | null
  sasl?: SaslSettings | null
  /** Before the names of topics and groups. Default none. */
  prefix?: string
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
  /** Topics that are made and can be used. Default all. */
  topics?: readonly Topic[]
  /** Of topics that are not there yet. Default 16. */
  partitions?: number
  /** Copies of topics that are not there yet. Default 3, or as many as there are addresses. */
  replication?: number
  /** Handlers of one subscription that work at once. Default 8. */
  concurrency?: number
  /** Pauses between tries of one event. Default 100 ms, doubling up to 10 s. */
  backoff?: BackoffPolicy
  /** Milliseconds after which a silent member's partitions are taken over. Brokers take no less than 6,000. Default 10,000. */
  sessionMs?: number
  /** Milliseconds for handlers at work when partitions are to be given away; below the session. Default 7,000. */
  drainMs?: number
  /**
   * Milliseconds that a fetch waits while there is less than it asks for; what resumes reading waits as long, or a fifth of it
   * (platformatic-membership.ts). Default 500, as that of Kafka's own consumer (fetch.max.wait.ms): every group asks every broker so
   * often, however quiet it is.
   */
  maxWaitMs?: number
  /** Milliseconds that commits are gathered: after a crash so much is handled again. Default 100. */
  commitMs?: number
  /** Milliseconds after which an append that does not succeed fails. Default 10,000. */
  appendMs?: number
  /** Milliseconds for any other request. Default 5,000. */
  requestMs?: number
}

const DEFAULTS = {
  client: DEFAULT_KAFKA_CLIENT,
  tls: null,
  sasl: null,
  prefix: '',
  topics: LOG_TOPICS,
  partitions: TOPIC_SETTINGS.partitions,
  concurrency: 8,
  backoff: { firstMs: 100, maxMs: 10_000 },
  sessionMs: 10_000,
  drainMs: 7_000,
  maxWaitMs: 500,
  commitMs: 100,
  appendMs: 10_000,
  requestMs: 5_000,
}

/** The options with their defaults. */
export function kafkaLogSettings(options: KafkaLogOptions) {
  return {
    ...DEFAULTS,
    replication: Math.min(TOPIC_SETTINGS.replication, options.brokers.length),
    ...options,
    logger: options.logger.child({ part: 'log' }),
  }
}
export type KafkaLogSettings = ReturnType<typeof kafkaLogSettings>

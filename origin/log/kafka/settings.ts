/** The settings of the log on Kafka, and no more: they are read without loading a client library. */
import { z } from 'zod'

export const KAFKA_CLIENTS = ['kafkajs', 'platformatic'] as const
export type KafkaClientName = (typeof KAFKA_CLIENTS)[number]

/** ARCHITECTURE.md ("Kafka") says why this one. */
export const DEFAULT_KAFKA_CLIENT: KafkaClientName = 'platformatic'

const addresses = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter(Boolean))
  .pipe(z.array(z.string().regex(/^[^:]+:\d{1,5}$/, 'must be host:port')).min(1))

export const kafkaEnvironment = {
  /** Some brokers' host:port, comma separated. Absent: the event log is in Postgres. */
  KAFKA_BROKERS: addresses.optional(),
  KAFKA_CLIENT: z.enum(KAFKA_CLIENTS).default(DEFAULT_KAFKA_CLIENT),
  /** Before the names of topics and groups, where several Tidelines share a cluster. */
  KAFKA_PREFIX: z
    .string()
    .regex(/^[\w.-]{0,100}$/, 'must be of letters, digits, dots, dashes and underscores')
    .default(''),
  /** Copies of the topics that are made. Absent: three, or as many as KAFKA_BROKERS names. */
  KAFKA_REPLICATION: z.coerce.number().int().min(1).max(10).optional(),
}

export interface KafkaSettings {
  brokers: string[]
  client: KafkaClientName
  prefix: string
  replication?: number
}

type Environment = z.output<z.ZodObject<typeof kafkaEnvironment>>

/** Null: the event log is in Postgres. */
export function kafkaSettings(environment: Environment): KafkaSettings | null {
  const { KAFKA_BROKERS: brokers, KAFKA_REPLICATION: replication } = environment
  if (brokers === undefined) return null
  const { KAFKA_CLIENT: client, KAFKA_PREFIX: prefix } = environment
  return { brokers, client, prefix, ...(replication === undefined ? {} : { replication }) }
}

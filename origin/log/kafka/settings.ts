/** The settings of the log on Kafka, and no more: they are read without loading a client library. */
import { z } from 'zod'
import { type Certificates, certificatesOf, pemFile } from '../../tls.ts'
import { TOPIC_SETTINGS } from '../topics.ts'

export const KAFKA_CLIENTS = ['kafkajs', 'platformatic'] as const
export type KafkaClientName = (typeof KAFKA_CLIENTS)[number]

/** ARCHITECTURE.md ("Kafka") says why this one. */
export const DEFAULT_KAFKA_CLIENT: KafkaClientName = 'platformatic'

/** How a user proves to be who they say: RFC 4616, RFC 5802 and RFC 7677. */
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

export interface SaslSettings {
  mechanism: (typeof SASL_MECHANISMS)[number]
  username: string
  password: string
}

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
  /** Copies of the topics that are made. Absent: three; outside of production no more than KAFKA_BROKERS names. */
  KAFKA_REPLICATION: z.coerce.number().int().min(1).max(10).optional(),
  KAFKA_TLS: z.enum(['on', 'off']).default('off'),
  /** PEM: the authority behind the brokers' certificates where Node does not know it, and one's own certificate with its key. */
  KAFKA_CA_FILE: pemFile.optional(),
  KAFKA_CERT_FILE: pemFile.optional(),
  KAFKA_KEY_FILE: pemFile.optional(),
  /** Absent: no sign-in, or by the certificate. */
  KAFKA_SASL: z.enum(SASL_MECHANISMS).optional(),
  KAFKA_USERNAME: z.string().optional(),
  KAFKA_PASSWORD: z.string().optional(),
}

export interface KafkaSettings {
  brokers: string[]
  client: KafkaClientName
  prefix: string
  replication?: number
  /** Null: without TLS. */
  tls: Certificates | null
  /** Null: without a sign-in. */
  sasl: SaslSettings | null
}

type Environment = z.output<z.ZodObject<typeof kafkaEnvironment>>

/**
 * Null: the event log is in Postgres. One address does not say that there is one broker: a managed cluster is often named by one.
 * So in production topics get three copies, and a cluster of fewer brokers refuses them unless KAFKA_REPLICATION says so.
 * @throws Error for settings that are right by themselves but not together
 */
export function kafkaSettings(environment: Environment, production: boolean): KafkaSettings | null {
  const { KAFKA_BROKERS: brokers } = environment
  if (brokers === undefined) return null
  const { KAFKA_CLIENT: client, KAFKA_PREFIX: prefix } = environment
  const { KAFKA_CA_FILE: ca, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key } = environment
  const tls = certificatesOf('KAFKA', environment.KAFKA_TLS === 'on', { ca, cert, key })
  const sasl = saslOf(environment)
  if (production && sasl?.mechanism === 'plain' && tls === null) {
    throw new Error(
      'KAFKA_SASL=plain shows the password to the network: use it with KAFKA_TLS=on, or use scram-sha-512.',
    )
  }
  const replication = environment.KAFKA_REPLICATION ?? (production ? TOPIC_SETTINGS.replication : undefined)
  return { brokers, client, prefix, ...(replication === undefined ? {} : { replication }), tls, sasl }
}

function saslOf({ KAFKA_SASL, KAFKA_USERNAME, KAFKA_PASSWORD }: Environment): SaslSettings | null {
  if (KAFKA_SASL === undefined && KAFKA_USERNAME === undefined && KAFKA_PASSWORD === undefined) return null
  if (KAFKA_SASL === undefined || KAFKA_USERNAME === undefined || KAFKA_PASSWORD === undefined) {
    throw new Error('KAFKA_SASL, KAFKA_USERNAME and KAFKA_PASSWORD belong together.')
  }
  return { mechanism: KAFKA_SASL, username: KAFKA_USERNAME, password: KAFKA_PASSWORD }
}

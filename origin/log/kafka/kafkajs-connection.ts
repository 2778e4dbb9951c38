/** How kafkajs reaches the brokers: its time limits, its sockets, TLS and the sign-in. */
import { Kafka, logLevel, type SASLOptions } from 'kafkajs'
import { tlsOptions } from '../../tls.ts'
import type { KafkaClientOptions } from './client.ts'
import type { SaslSettings } from './settings.ts'
import { type SeverableSockets, severableSockets } from './sockets.ts'

export const CLIENT_ID = 'tideline'

/** One connection set: what it opens can be cut as a whole. */
export function connectKafkaJs(options: KafkaClientOptions): { kafka: Kafka; sockets: SeverableSockets } {
  const sockets = severableSockets()
  const logger = options.logger.child({ client: 'kafkajs' })
  const { tls, sasl } = options
  const kafka = new Kafka({
    clientId: CLIENT_ID,
    brokers: [...options.brokers],
    connectionTimeout: Math.min(3_000, options.requestMs),
    requestTimeout: options.requestMs,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5 },
    socketFactory: sockets.factory,
    ...(tls && { ssl: tlsOptions(tls) }),
    ...(sasl && { sasl: saslFor(sasl) }),
    // Everything that matters comes back as an error; its own lines call ordinary rebalances errors.
    logLevel: logLevel.INFO,
    logCreator:
      () =>
      ({ namespace, log: { message } }) =>
        logger.debug({ namespace }, message),
  })
  return { kafka, sockets }
}

/** Its types know a mechanism only as a literal. */
function saslFor({ mechanism, username, password }: SaslSettings): SASLOptions {
  switch (mechanism) {
    case 'plain':
      return { mechanism, username, password }
    case 'scram-sha-256':
      return { mechanism, username, password }
    case 'scram-sha-512':
      return { mechanism, username, password }
  }
}

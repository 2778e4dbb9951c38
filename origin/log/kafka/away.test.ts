/** Kafka is not there at all: no broker listens where the settings say. What a broker's return brings is in test/contract. */
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { makeEvent } from '#core/events.ts'
import { createLogger } from '../../observe/logger.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { isAway, isDataFault } from '../../outages.ts'
import { kafkaLog } from './index.ts'
import { KAFKA_CLIENTS, type KafkaClientName } from './settings.ts'

async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const open = async (client: KafkaClientName) =>
  kafkaLog({
    brokers: [`127.0.0.1:${await closedPort()}`],
    client,
    clock: Date.now,
    random: Math.random,
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
    appendMs: 1_000,
    requestMs: 500,
  })

const changed = (userId: string) =>
  makeEvent({ type: 'user.changed', key: userId, actor: null, data: { userId, version: 1 } }, Date.now, Math.random)

describe.each(KAFKA_CLIENTS)('the log with %s while Kafka is away', (client) => {
  it('gives publishing up within its time, as an outage, so that the outbox keeps the events', async () => {
    const log = await open(client)
    const started = performance.now()
    const errors = await Promise.all(
      ['1', '2', '3'].map((id) =>
        log.publish([changed(id)]).then(
          () => null,
          (error: unknown) => error,
        ),
      ),
    )
    expect(performance.now() - started).toBeLessThan(5_000)
    for (const error of errors) {
      expect(isAway(error)).toBe(true)
      expect(isDataFault(error)).toBe(false)
    }
    await log.close()
  })

  it('lets consumers wait for it, says that their lag is unknown, and stops and closes all the same', async () => {
    const log = await open(client)
    const consumer = log.subscribe({ group: 'g', topics: ['user.changed'], handle: async () => {} })
    await expect(consumer.lag()).rejects.toSatisfy(isAway)
    const started = performance.now()
    await consumer.stop()
    await log.close()
    expect(performance.now() - started).toBeLessThan(12_000)
  })
})

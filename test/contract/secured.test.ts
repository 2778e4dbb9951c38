/** Servers that are reached over TLS, and want to know who asks: as managed services are. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEmbeddedRedis } from '../../origin/embedded/redis/index.ts'
import { cassandraSession } from '../../origin/engagement/index.ts'
import { createUpstashGateway } from '../../origin/gateway/upstash/index.ts'
import { KAFKA_CLIENTS, SASL_MECHANISMS } from '../../origin/log/kafka/settings.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createRedisPort } from '../../origin/redis/index.ts'
import { elasticsearchClient } from '../../origin/search/elasticsearch/connection.ts'
import { makeCertificates, type TestCertificates } from './certificates.ts'
import { cassandraForTests, dropKeyspace } from './engagement-engines.ts'
import { liked } from './event-log-harness.ts'
import { openKafkaLog } from './event-log-kafka.ts'
import { elasticsearchForTests } from './search-engines.ts'
import { installedKafka, type SecuredBroker, startSecuredBroker, USER } from './secured-broker.ts'
import { openTlsFront } from './tls-front.ts'

let certificates: TestCertificates
beforeAll(() => {
  certificates = makeCertificates({ dns: ['localhost', 'cassandra.test'], ip: ['127.0.0.1'] })
})
afterAll(() => certificates.remove())

describe('Redis over TLS', () => {
  test('is spoken to by short and by long pipelines, and by the gateway', async () => {
    const server = await startEmbeddedRedis({ port: 0 })
    const front = await openTlsFront(`127.0.0.1:${server.port}`, certificates)
    const url = `rediss://localhost:${front.port}`
    const redis = createRedisPort(url, { ca: certificates.ca })
    await redis.ready()
    const many = Array.from({ length: 100 }, (_, i) => ['SET', `k${i}`, i])
    await expect.poll(async () => (await redis.pipeline(many)).length && front.asked.length).toBe(2)
    expect(await redis.pipeline([['GET', 'k7']])).toEqual(['7'])
    expect(front.asked).toEqual(['localhost', 'localhost'])
    await redis.close()

    const gateway = createUpstashGateway({
      redis: { url, tls: { ca: certificates.ca } },
      tokens: { readWrite: ['token'], readOnly: [] },
      logger: createLogger({ level: 'silent' }),
    })
    await expect.poll(() => front.asked.length).toBe(3)
    await gateway.close()
    await front.close()
    await server.close()
  })

  test('is refused under a certificate that nobody vouches for', async () => {
    const server = await startEmbeddedRedis({ port: 0 })
    const front = await openTlsFront(`127.0.0.1:${server.port}`, certificates)
    const errors: string[] = []
    const redis = createRedisPort(`rediss://localhost:${front.port}`, {
      ca: certificates.otherCa,
      onError: (error) => errors.push(error.message),
    })
    await expect.poll(() => errors.join()).toMatch(/certificate/)
    await expect(redis.pipeline([['PING']])).rejects.toThrow('no connection to Redis')
    await redis.close()
    await front.close()
    await server.close()
  })
})

const cassandra = cassandraForTests()
describe.skipIf(cassandra === null)('Cassandra over TLS (CASSANDRA_CONTACT_POINTS)', () => {
  test('is spoken to under the name in its certificate, and refused under another', async () => {
    if (cassandra === null) return
    const front = await openTlsFront(cassandra.contactPoints[0] ?? '', certificates)
    const open = (tls: { ca: string; serverName?: string }) =>
      cassandraSession({ ...cassandra, contactPoints: [`127.0.0.1:${front.port}`], tls }, () => {})
    const session = open({ ca: certificates.ca, serverName: 'cassandra.test' })
    await session.ping()
    await session.close()
    expect(new Set(front.asked)).toEqual(new Set(['cassandra.test']))
    for (const wrong of [{ ca: certificates.otherCa }, { ca: certificates.ca, serverName: 'other.test' }]) {
      const refused = open(wrong)
      await expect(refused.ping()).rejects.toMatchObject({ status: 503 })
      await refused.close()
    }
    await front.close()
    await dropKeyspace(cassandra)
  })
})

const elasticsearch = elasticsearchForTests()
describe.skipIf(elasticsearch === null)('Elasticsearch over TLS (ELASTICSEARCH_URL)', () => {
  test('is spoken to under an authority of one’s own only', async () => {
    if (elasticsearch === null) return
    const front = await openTlsFront(new URL(elasticsearch.urls[0] ?? '').host, certificates)
    const ask = async (ca: string | null) => {
      const client = elasticsearchClient({ ...elasticsearch, urls: [`https://localhost:${front.port}`], ca })
      try {
        return await client.ping()
      } finally {
        await client.close()
      }
    }
    expect(await ask(certificates.ca)).toBe(true)
    await expect(ask(certificates.otherCa)).rejects.toThrow(/certificate/)
    await expect(ask(null)).rejects.toThrow(/certificate/)
    await front.close()
  })
})

const software = installedKafka()
if (software === null) test.skip('Kafka with TLS and a sign-in (not installed natively in CLUSTER_DOWNLOADS)', () => {})
else {
  describe('Kafka with TLS and a sign-in', () => {
    let broker: SecuredBroker
    beforeAll(async () => {
      broker = await startSecuredBroker(software, certificates)
    }, 90_000)
    afterAll(() => broker.stop())

    const open = (client: (typeof KAFKA_CLIENTS)[number], mechanism: (typeof SASL_MECHANISMS)[number], wrong = {}) => {
      const prefix = `secured-${randomUUID().slice(0, 8)}.`
      const security = { tls: { ca: certificates.ca }, sasl: { mechanism, ...USER }, ...wrong }
      return openKafkaLog(
        { brokers: [broker.address], client, prefix },
        { partitions: 2, requestMs: 3_000, ...security },
      )
    }

    describe.each(KAFKA_CLIENTS)('by %s', (client) => {
      test.each(SASL_MECHANISMS)('takes and gives events after %s', async (mechanism) => {
        const log = open(client, mechanism)
        const seen: string[] = []
        log.subscribe({ group: 'secured', topics: ['post.liked'], handle: async ({ id }) => void seen.push(id) })
        const event = liked('1', 1)
        await expect.poll(() => log.publish([event]).then(() => true), { timeout: 20_000 }).toBe(true)
        await expect.poll(() => seen, { timeout: 20_000 }).toContain(event.id)
        await log.close()
      })

      test.each([
        ['a wrong password', { sasl: { mechanism: 'scram-sha-512', username: USER.username, password: 'wrong' } }],
        ['an authority that has not signed', { tls: { ca: 'other' } }],
        ['no sign-in', { sasl: null }],
      ] as const)('is refused with %s', async (_, wrong) => {
        const isOther = 'tls' in wrong
        const log = open(client, 'plain', isOther ? { tls: { ca: certificates.otherCa } } : wrong)
        await expect(log.publish([liked('1', 1)])).rejects.toMatchObject({ status: 503 })
        await log.close()
      })
    })
  })
}

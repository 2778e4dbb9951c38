/**
 * `npm run bench -- log`: how many events a second one process publishes, and one member of a group is given, through the
 * embedded log and through Kafka with either client. Kafka is measured where KAFKA_BROKERS names some or the small cluster
 * (`npm run cluster`) is up, else null.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import { nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { runningBrokers } from '../../ops/cluster/brokers.ts'
import { startEmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import type { OperableEventLog } from '../../origin/event-log.ts'
import { postgresLog } from '../../origin/log/index.ts'
import { kafkaLog } from '../../origin/log/kafka/index.ts'
import { KAFKA_CLIENTS, type KafkaClientName } from '../../origin/log/kafka/settings.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import type { Bench, BenchOptions } from '../bench.ts'

/** As a drain of the edge queue brings them: calls of a hundred events, some at once. */
const EVENTS_PER_CALL = 100
const CALLERS = 8
const WARM_UPS = 2_000
const KAFKA_EVENTS = 100_000
const EMBEDDED_EVENTS = 20_000
const PATIENCE_MS = 120_000

interface Rates {
  producePerSecond: number
  consumePerSecond: number
}

export const logBench: Bench = async (options) => {
  const brokers = await runningBrokers()
  if (brokers === null) options.say('no broker at KAFKA_BROKERS, and no small cluster: Kafka is not measured')
  const rates: Record<string, Rates | null> = { embedded: await embedded(options) }
  for (const client of KAFKA_CLIENTS) rates[client] = brokers === null ? null : await kafka(client, brokers, options)
  const by = (figure: keyof Rates) =>
    Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, rate === null ? null : rate[figure]]))
  return {
    producePerSecond: by('producePerSecond'),
    consumePerSecond: by('consumePerSecond'),
    brokers: brokers?.length ?? null,
    eventBytes: JSON.stringify(liked(0)).length,
  }
}

const common = () => ({
  clock: Date.now,
  random: Math.random,
  logger: createLogger({ level: 'error' }),
  metrics: createMetrics(),
})

async function embedded({ say }: BenchOptions): Promise<Rates> {
  const server = await startEmbeddedPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: 8 })
  try {
    await migrate(pool)
    const log = postgresLog({ ...common(), database: nodeDatabase(drizzle(pool)) })
    return await measure(log, EMBEDDED_EVENTS, (text) => say(`embedded: ${text}`))
  } finally {
    await pool.end()
    await server.close()
  }
}

async function kafka(client: KafkaClientName, brokers: string[], { say }: BenchOptions): Promise<Rates> {
  const prefix = `bench-${randomUUID().slice(0, 8)}.`
  const log = kafkaLog({ ...common(), brokers, client, prefix, topics: ['post.liked'] })
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: brokers })
  try {
    await log.start()
    return await measure(log, KAFKA_EVENTS, (text) => say(`${client}: ${text}`))
  } finally {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix))
    await admin.deleteTopics({ topics })
    await admin.close()
  }
}

/** Publishes, then reads all of it with a group of its own whose handler does nothing. Closes the log. */
async function measure(log: OperableEventLog, events: number, say: (text: string) => void): Promise<Rates> {
  try {
    await produce(log, WARM_UPS)
    const producing = await produce(log, events)
    const producePerSecond = Math.round((events / producing) * 1_000)
    say(`${producePerSecond} events a second published`)
    const consuming = await consume(log, events + WARM_UPS)
    const consumePerSecond = Math.round((events / consuming) * 1_000)
    say(`${consumePerSecond} events a second handled and committed`)
    return { producePerSecond, consumePerSecond }
  } finally {
    await log.close()
  }
}

async function produce(log: OperableEventLog, events: number): Promise<number> {
  let next = 0
  const started = performance.now()
  const call = async () => {
    while (next < events) {
      const from = next
      next += EVENTS_PER_CALL
      await log.publish(Array.from({ length: Math.min(EVENTS_PER_CALL, events - from) }, (_, n) => liked(from + n)))
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, call))
  return performance.now() - started
}

/** Milliseconds from the end of the warm-up, so that joining the group is not in them, to the last event. */
async function consume(log: OperableEventLog, events: number): Promise<number> {
  let seen = 0
  let warmAt = 0
  const { promise: all, resolve, reject } = Promise.withResolvers<void>()
  const late = setTimeout(() => reject(new Error(`only ${seen} of ${events} events came`)), PATIENCE_MS)
  const consumer = log.subscribe({
    group: 'bench',
    topics: ['post.liked'],
    async handle() {
      seen++
      if (seen === WARM_UPS) warmAt = performance.now()
      if (seen === events) resolve()
    },
  })
  await all
  clearTimeout(late)
  const took = performance.now() - warmAt
  while ((await consumer.lag()) > 0) await delay(10)
  await consumer.stop()
  return took
}

function liked(n: number): TidelineEvent<'post.liked'> {
  const ids = {
    postId: String(200_000_000_000 + (n % 1_000)),
    userId: String(300_000_000_000 + n),
    authorId: '400000000007',
  }
  return makeEvent(
    {
      type: 'post.liked',
      key: ids.postId,
      actor: ids.userId,
      data: { ...ids, state: 'liked', at: Date.now(), version: 1 },
    },
    Date.now,
    Math.random,
  )
}

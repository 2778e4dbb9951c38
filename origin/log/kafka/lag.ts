/** What a group has still to handle: from its commits, or the earliest event, to the ends of its topics. */
import type { Topic } from '#core/events.ts'
import type { Logger } from '../../observe/logger.ts'
import type { LogMetrics } from '../log-metrics.ts'
import { type KafkaClient, placeKey } from './client.ts'
import type { BrokerNames } from './names.ts'

const EVERY_MS = 15_000

interface LagOptions {
  client: KafkaClient
  names: BrokerNames
  metrics: LogMetrics
  logger: Logger
}

export interface LagMeter {
  measure(group: string, topics: readonly Topic[]): Promise<Map<Topic, number>>
  /** Measures this group's lag now and then from now on, for its metric. */
  watch(group: string, topics: readonly Topic[]): void
  stop(): void
}

export function createLagMeter({ client, names, metrics, logger }: LagOptions): LagMeter {
  const watched = new Map<string, readonly Topic[]>()

  async function measure(group: string, topics: readonly Topic[]): Promise<Map<Topic, number>> {
    const wanted = topics.map(names.topic)
    // The commits first: an end that is read later can only be further on.
    const committed = await client.committed(names.group(group), wanted)
    const at = new Map(committed.map((position) => [placeKey(position), position.offset]))
    const lags = new Map(topics.map((topic) => [topic, 0]))
    for (const bound of await client.bounds(wanted)) {
      const from = Math.max(at.get(placeKey(bound)) ?? 0, bound.first)
      const topic = names.topicOf(bound.topic)
      lags.set(topic, (lags.get(topic) ?? 0) + Math.max(0, bound.next - from))
    }
    return lags
  }

  async function measureAll(): Promise<void> {
    for (const [group, topics] of watched) {
      for (const [topic, lag] of await measure(group, topics)) metrics.lag.set({ group, topic }, lag)
    }
  }

  const timer = setInterval(() => {
    measureAll().catch((error: unknown) => logger.warn({ err: error }, 'lag could not be measured; trying again later'))
  }, EVERY_MS)
  timer.unref()

  return {
    measure,
    watch: (group, topics) => void watched.set(group, topics),
    stop: () => clearInterval(timer),
  }
}

/** Brings the topics of the declaration into being, and knows how many partitions they really have. */
import type { Topic } from '#core/events.ts'
import type { Logger } from '../../observe/logger.ts'
import { TOPIC_SETTINGS } from '../topics.ts'
import type { Bounds, KafkaClient, TopicSpec } from './client.ts'
import type { BrokerNames } from './names.ts'

export interface TopologyOptions {
  client: KafkaClient
  names: BrokerNames
  topics: readonly Topic[]
  partitions: number
  replication: number
  logger: Logger
}

export interface Topology {
  /** Resolves when all topics are there. Tried again by the next caller when it fails. */
  ready(): Promise<void>
  /** Partitions of a topic. After `ready`. */
  partitions(topic: Topic): number
}

const HOUR_MS = 3_600_000
const LOOKS = 50
const LOOK_EVERY_MS = 100

export function createTopology(options: TopologyOptions): Topology {
  const { client, names, topics, logger } = options
  const counts = new Map<Topic, number>()
  let made: Promise<void> | null = null

  async function make(): Promise<void> {
    await client.createTopics(topics.flatMap((topic) => specsOf(topic, options)))
    for (const { topic, partition } of await known()) {
      const own = names.topicOf(topic)
      counts.set(own, Math.max(counts.get(own) ?? 0, partition + 1))
    }
    for (const [topic, partitions] of counts) {
      if (partitions === options.partitions) continue
      // Adding some would move keys while their events wait in the old ones.
      logger.warn(
        { topic, partitions, declared: options.partitions },
        'a topic was made with other partitions; they stay',
      )
    }
  }

  /** Brokers learn of new topics a moment after they are made. */
  async function known(): Promise<Bounds[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.bounds(topics.map(names.topic))
      } catch (error) {
        if (attempt === LOOKS) throw error
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      }
    }
  }

  return {
    ready() {
      made ??= make().catch((error: unknown) => {
        made = null
        throw error
      })
      return made
    },
    partitions: (topic) => counts.get(topic) ?? options.partitions,
  }
}

/** A topic and its dead letters. */
function specsOf(topic: Topic, { names, partitions, replication }: TopologyOptions): TopicSpec[] {
  const common = {
    // What min.insync copies have survives the death of all but one of them; with fewer in sync, appends are refused.
    'min.insync.replicas': String(replication >= TOPIC_SETTINGS.replication ? TOPIC_SETTINGS.minInsync : 1),
    'unclean.leader.election.enable': 'false',
    'cleanup.policy': 'delete',
    'max.message.bytes': '1048588',
    // The broker's clock: retention and `rewind` ask when an event was appended, not when it was made.
    'message.timestamp.type': 'LogAppendTime',
  }
  const keepMs = String(TOPIC_SETTINGS.keepHours * HOUR_MS)
  return [
    { name: names.topic(topic), partitions, replication, config: { ...common, 'retention.ms': keepMs } },
    // In one partition, in the order in which they were given up; replaying deletes them.
    { name: names.letters(topic), partitions: 1, replication, config: { ...common, 'retention.ms': '-1' } },
  ]
}

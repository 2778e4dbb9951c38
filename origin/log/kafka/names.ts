/** What topics and groups are called at the broker: a prefix keeps several Tidelines apart on one cluster. */
import type { Topic } from '#core/events.ts'
import { deadLetterTopic } from '#drizzle/queries/log.ts'

export interface BrokerNames {
  topic(topic: Topic): string
  letters(topic: Topic): string
  group(group: string): string
  /** The topic of a broker's name. */
  topicOf(name: string): Topic
  /** Whether a group is one of ours, and not somebody else's who reads our topics. */
  isGroup(name: string): boolean
}

export function brokerNames(prefix: string): BrokerNames {
  const ourGroups = `${prefix}tideline.`
  return {
    topic: (topic) => `${prefix}${topic}`,
    letters: (topic) => `${prefix}${deadLetterTopic(topic)}`,
    group: (group) => `${ourGroups}${group}`,
    topicOf: (name) => name.slice(prefix.length) as Topic,
    isGroup: (name) => name.startsWith(ourGroups),
  }
}

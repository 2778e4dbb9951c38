/** What the suites of the event log ask of an engine. */
import type { Topic } from '#core/events.ts'
import type { OperableEventLog } from '../../origin/event-log.ts'
import type { KafkaClientName } from '../../origin/log/kafka/settings.ts'

export interface LogEngine {
  /** Offsets have no gaps: true of the embedded log, not promised by every broker. */
  gapless: boolean
  /** The log as one more process sees it. */
  open(settings?: OpenSettings): OperableEventLog
  /** A process that has died without a word: it renews nothing any more, and none of its handlers counts. */
  openAndForget(): { log: OperableEventLog; die(): void }
  /** For a child process: see event-log-publisher.ts. */
  forPublisher(): Published
  /** An empty log for the next test. */
  clear(): Promise<void>
  stop(): Promise<void>
}

export interface OpenSettings {
  /** Topics that the test uses beside `post.liked` and `user.changed`. */
  topics?: readonly Topic[]
}

/** How a child process opens the same log. */
export type Published =
  | { kind: 'postgres'; url: string }
  | { kind: 'kafka'; brokers: string[]; client: KafkaClientName; prefix: string }

/** What all who take part in a schedule share. */
import { type EventData, type EventType, makeEvent, type TidelineEvent } from '#core/events.ts'
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import type { Clock, Id } from '#core/ids.ts'
import type { Command, RedisPort, Reply } from '#core/redis.ts'
import type { Cast } from './cast.ts'
import type { Expectations } from './expectations.ts'
import type { Scheduler } from './scheduler.ts'
import type { Truth } from './truth.ts'

export interface Stage {
  readonly scheduler: Scheduler
  /** Every call to it is a step; so is every command, or few, of a pipeline to Redis. */
  readonly truth: Truth
  readonly redis: RedisPort
  readonly expectations: Expectations
  readonly policy: FanoutPolicy
  readonly cast: Cast
  readonly clock: Clock
  /** Share of the pages that are shown before they were read whole. */
  readonly latePages: number
  /** Looks into Redis without taking part. */
  peek(command: Command): Reply
  /** Lets time pass at once. */
  pass(ms: number): void
  /** Whether this rule is taken out. */
  without(rule: string): boolean
  spawn(name: string, process: () => Promise<void>): void
}

export function eventOf<T extends EventType>(stage: Stage, type: T, key: Id, data: EventData<T>): TidelineEvent<T> {
  return makeEvent({ type, key, actor: null, data }, stage.clock, stage.scheduler.random)
}

/** Notifications: rows that GET /v1/notifications lists. Live sockets are told by whoever follows the same events. */
import { type Clock, createIdFactory, type IdFactory, type Random } from '#core/ids.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import { NOTIFY_TOPICS, notify } from './service.ts'
import type { NotificationStore } from './store.ts'

export { postgresNotifications } from './postgres.ts'
export type { NotificationStore } from './store.ts'

export interface NotifyNeeds {
  store: NotificationStore
  log: EventLog
  clock?: Clock
  random?: Random
  ids?: IdFactory
}

export interface Notify {
  /** Starts following the log. */
  start(): void
  close(): Promise<void>
}

export function createNotify({ store, log, clock = Date.now, random = Math.random, ids }: NotifyNeeds): Notify {
  const factory = ids ?? createIdFactory(clock, random)
  let consumer: Consumer | null = null
  return {
    start() {
      consumer = log.subscribe({
        group: 'notify',
        topics: NOTIFY_TOPICS,
        handle: (event) => notify(store, factory, event),
      })
    },
    async close() {
      await consumer?.stop()
    },
  }
}

import { type Database, sqlState, UNIQUE_VIOLATION, violatedConstraint } from '#drizzle/database.ts'
import { insertNotification } from '#drizzle/queries/notifications.ts'
import type { NotificationStore } from './store.ts'

export function postgresNotifications(database: Database): NotificationStore {
  return {
    async add(notification) {
      try {
        const added = await database.query(insertNotification(notification))
        return added.length > 0 ? 'added' : 'skipped'
      } catch (error) {
        const isIdTaken = sqlState(error) === UNIQUE_VIOLATION && violatedConstraint(error) === 'notifications_pkey'
        if (isIdTaken) return 'id-taken'
        throw error
      }
    },
  }
}

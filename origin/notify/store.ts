/** Where notifications are kept. */
import type { NewNotification } from '#drizzle/queries/notifications.ts'

export type { NewNotification } from '#drizzle/queries/notifications.ts'

export interface NotificationStore {
  /**
   * Adds a notification unless one with its dedupe key stands, or the reader has blocked or muted the actor.
   * @returns 'id-taken' when another notification has the id: take a new one
   */
  add(notification: NewNotification): Promise<'added' | 'skipped' | 'id-taken'>
}

/** What people are told. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { writes } from '../placement.ts'

export interface NewNotification {
  notificationId: Id
  /** Who is told. */
  userId: Id
  kind: 'follow' | 'follow-request' | 'like' | 'comment'
  /** Who did it. */
  actorId: Id
  /** The post, where it is about one. */
  subjectId: Id | null
  dedupeKey: string
  createdMs: number
}

/**
 * Tells once what has the same dedupe key, and nothing about people whom the reader has blocked or muted.
 * @throws unique violation `notifications_pkey` when the id is taken: use a new one
 */
export function insertNotification(notification: NewNotification): SQL {
  const { notificationId, userId, kind, actorId, subjectId, dedupeKey, createdMs } = notification
  return writes(
    userId,
    sql`INSERT INTO notifications (notification_id, user_id, kind, actor_id, subject_id, dedupe_key, created_at)
    SELECT ${notificationId}::bigint, ${userId}::bigint, ${kind}, ${actorId}::bigint, ${subjectId}::bigint, ${dedupeKey},
      to_timestamp(${createdMs}::double precision / 1000)
    WHERE NOT EXISTS (SELECT 1 FROM blocks
        WHERE user_id = ${userId}::bigint AND target_id = ${actorId}::bigint AND state = 'active')
      AND NOT EXISTS (SELECT 1 FROM mutes
        WHERE user_id = ${userId}::bigint AND target_id = ${actorId}::bigint AND state = 'active')
    ON CONFLICT (dedupe_key) DO NOTHING RETURNING notification_id`,
  )
}

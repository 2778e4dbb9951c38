/** Profiles as the edge reads and changes them. */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import { filled, inDirectory, reads, readsAcross, scatter, scattered, writes, writesAcross } from '../placement.ts'
import { directoryEntry } from './directory.ts'
import { factEvent, outboxFrom } from './edge-events.ts'
import type { PersonRow } from './graph.ts'
import { peopleAmong } from './people-lists.ts'
import { contentVisible, followedBy, profileVisible } from './visibility.ts'

export interface ProfileRow extends PersonRow {
  bio: string
  follower_count: number
  following_count: number
  post_count: number
  version: string | number
  created_ms: string | number
  /** The viewer's relation. */
  follow_state: 'active' | 'requested' | null
  follows_viewer: boolean
  muted: boolean
  /** The viewer may see posts, followers and followed. */
  open: boolean
  email?: string
}

const profile = sql.raw(`u.user_id::text, u.username, u.display_name, u.profile_image_url, u.is_private, u.bio,
  u.follower_count, u.following_count, u.post_count, u.version, floor(extract(epoch FROM u.created_at) * 1000)::bigint AS created_ms`)

function profileWhere(which: SQL, viewer: Id): SQL {
  return sql`SELECT ${profile}, (SELECT f.state FROM follows f WHERE f.follower_id = ${viewer}::bigint
        AND f.followee_id = u.user_id AND f.state <> 'removed') AS follow_state,
      EXISTS (SELECT 1 FROM follows f WHERE f.follower_id = u.user_id AND f.followee_id = ${viewer}::bigint
        AND f.state = 'active') AS follows_viewer,
      EXISTS (SELECT 1 FROM mutes m WHERE m.user_id = ${viewer}::bigint AND m.target_id = u.user_id
        AND m.state = 'active') AS muted,
      (NOT u.is_private OR u.user_id = ${viewer}::bigint OR ${followedBy(viewer, sql`u.user_id`)}) AS open
    FROM users u WHERE ${which} AND ${profileVisible(viewer)}`
}

/** The profile of a user name (folded), as a viewer may see it. One row of `ProfileRow`, none when blocked or gone. */
export function profileByName(username: string, viewer: Id): SQL {
  return readsAcross(profileWhere(sql`u.username = ${username}`, viewer), async (shards) => {
    const [entry] = await shards.directory.query<{ user_id: string }>(directoryEntry('username', username))
    if (entry === undefined) return []
    const owner = String(entry.user_id)
    return shards.of(owner).query<ProfileRow>(profileWhere(sql`u.user_id = ${owner}::bigint`, viewer))
  })
}

/** One's own profile, with the address. One row of `ProfileRow`. */
export function ownProfile(user: Id): SQL {
  return reads(
    user,
    sql`SELECT ${profile}, u.email, NULL AS follow_state, false AS follows_viewer, false AS muted, true AS open
    FROM users u WHERE u.user_id = ${user}::bigint AND u.deleted_at IS NULL`,
  )
}

/** Whether the viewer may see a person's posts and lists. One row `{ open }`, none when blocked or gone. */
export function openTo(user: Id, viewer: Id): SQL {
  return reads(
    user,
    sql`SELECT (${contentVisible(viewer)}) AS open FROM users u
    WHERE u.user_id = ${user}::bigint AND ${profileVisible(viewer)}`,
  )
}

/** People by id as a viewer may see them, in no order. Rows of `PersonRow`. */
export function peopleByIds(ids: readonly Id[], viewer: Id): SQL {
  return scattered(ids, (own) => peopleAmong(own, viewer))
}

export interface ProfileChange {
  displayName?: string | undefined
  bio?: string | undefined
  isPrivate?: boolean | undefined
  /** One's own uploaded picture; null takes the picture away. */
  avatarMediaId?: Id | null | undefined
}

export interface ChangedProfileRow extends ProfileRow {
  event: TidelineEvent<'user.changed'>
}

/** Changes one's profile. One row of `ChangedProfileRow`; none when the picture is not one's own uploaded one. */
export function updateProfile(user: Id, change: ProfileChange, traceparent: string | null): SQL {
  const sets: SQL[] = [sql`version = u.version + 1`, sql`updated_at = now()`]
  let condition = sql`true`
  if (change.displayName !== undefined) sets.push(sql`display_name = ${change.displayName}`)
  if (change.bio !== undefined) sets.push(sql`bio = ${change.bio}`)
  if (change.isPrivate !== undefined) sets.push(sql`is_private = ${change.isPrivate}::boolean`)
  if (change.avatarMediaId === null) sets.push(sql`profile_image_url = NULL`)
  else if (change.avatarMediaId !== undefined) {
    const picture = sql`FROM media m WHERE m.media_id = ${change.avatarMediaId}::bigint AND m.user_id = u.user_id
        AND m.state IN ('uploaded', 'ready') AND m.content_type LIKE 'image/%'`
    // A private one's public copy: the picture beside a name is for everyone.
    sets.push(sql`profile_image_url = (SELECT regexp_replace(m.key, '^private/', 'media/') ${picture})`)
    condition = sql`EXISTS (SELECT 1 ${picture})`
  }
  const event = factEvent({
    type: 'user.changed',
    actor: sql`u.user_id::text`,
    key: sql`u.user_id::text`,
    fact: sql`u.user_id::text`,
    version: sql`u.version`,
    at: sql`u.updated_at`,
    data: sql`jsonb_build_object('userId', u.user_id::text, 'version', u.version) || CASE
        WHEN u.is_private = u.was_private THEN '{}'::jsonb ELSE jsonb_build_object('isPrivate', u.is_private) END`,
    traceparent,
  })
  // The lock makes what was private before this change that of the row as it stands: another change may have come meanwhile.
  return writes(
    user,
    sql`
    WITH former AS MATERIALIZED (
      SELECT user_id, is_private FROM users WHERE user_id = ${user}::bigint FOR UPDATE
    ), changed AS (
      UPDATE users u SET ${sql.join(sets, sql`, `)} FROM former f
       WHERE u.user_id = ${user}::bigint AND f.user_id = u.user_id AND u.deleted_at IS NULL AND ${condition}
      RETURNING u.*, f.is_private AS was_private
    ), answer AS (
      SELECT ${profile}, u.email, NULL AS follow_state, false AS follows_viewer, false AS muted, true AS open,
             ${event} AS event FROM changed u
    ), published AS (${outboxFrom(sql`answer`)})
    SELECT * FROM answer`,
  )
}

/** One row `{ revoked }`; none when there is no such session. */
export function sessionRevoked(sessionId: string): SQL {
  const statement = sql`SELECT revoked_at IS NOT NULL AS revoked FROM sessions WHERE session_id = ${sessionId}`
  return inDirectory(statement, true)
}

export interface NotificationRow {
  notification_id: string
  kind: string
  subject_id: string | null
  read: boolean
  created_ms: string | number
  user_id: string
  username: string
  display_name: string
  profile_image_url: string | null
  is_private: boolean
}

/** What a person was told, newest first, without people who are blocked or muted. Rows of `NotificationRow`. */
export function notificationsOf(user: Id, before: Id | null, limit: number): SQL {
  const told = (below: Id | null) => sql`n.user_id = ${user}::bigint
      ${below === null ? sql`` : sql`AND n.notification_id < ${below}::bigint`}
      AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.user_id = ${user}::bigint AND m.target_id = n.actor_id
        AND m.state = 'active')`
  const statement = sql`SELECT ${notification},
      u.user_id::text, u.username, u.display_name, u.profile_image_url, u.is_private
    FROM notifications n JOIN users u ON u.user_id = n.actor_id
    WHERE ${profileVisible(user)} AND ${told(before)}
    ORDER BY n.notification_id DESC LIMIT ${limit}::int`
  return readsAcross(statement, (shards) =>
    filled<NotificationRow>(before, limit, 'notification_id', async (below, size) => {
      const page = await shards.of(user).query<NotificationRow>(sql`SELECT ${notification}, n.actor_id::text AS user_id
        FROM notifications n WHERE ${told(below)} ORDER BY n.notification_id DESC LIMIT ${size}::int`)
      const actors = [...new Set(page.map((row) => row.user_id))]
      const people = await scatter<PersonRow>(shards, actors, (own) => peopleAmong(own, user))
      const byId = new Map(people.map((person) => [person.user_id, person]))
      const kept = page.flatMap((row) => {
        const person = byId.get(row.user_id)
        return person === undefined ? [] : [{ ...row, ...person }]
      })
      return { page, kept }
    }),
  )
}

const notification = sql.raw(`n.notification_id::text, n.kind, n.subject_id::text, n.read_at IS NOT NULL AS read,
      floor(extract(epoch FROM n.created_at) * 1000)::bigint AS created_ms`)

/** Marks what a person has looked at: one notification and all before it. */
export function markNotificationsRead(user: Id, through: Id): SQL {
  return writes(
    user,
    sql`UPDATE notifications SET read_at = now()
    WHERE user_id = ${user}::bigint AND notification_id <= ${through}::bigint AND read_at IS NULL`,
  )
}

export interface NewReport {
  reportId: Id
  reporterId: Id
  subjectKind: 'post' | 'user' | 'comment'
  subjectId: Id
  reason: string
  detail: string
}

/** Files a report, once an id. A row `{ report_id }`, none when the reported post or person does not exist. */
export function insertReport(report: NewReport): SQL {
  const { reportId, reporterId, subjectKind, subjectId, reason, detail } = report
  const exists = {
    post: sql`EXISTS (SELECT 1 FROM posts WHERE post_id = ${subjectId}::bigint AND deleted_at IS NULL)`,
    user: sql`EXISTS (SELECT 1 FROM users WHERE user_id = ${subjectId}::bigint AND deleted_at IS NULL)`,
    // Comments live with the engagement tier, which moderation asks.
    comment: sql`true`,
  }[subjectKind]
  const insertIf = (
    condition: SQL,
  ) => sql`INSERT INTO reports (report_id, reporter_id, subject_kind, subject_id, reason, detail)
    SELECT ${reportId}::bigint, ${reporterId}::bigint, ${subjectKind}, ${subjectId}::bigint, ${reason}, ${detail}
     WHERE ${condition}
    ON CONFLICT (report_id) DO UPDATE SET report_id = EXCLUDED.report_id WHERE reports.reporter_id = EXCLUDED.reporter_id
    RETURNING report_id::text`
  return writesAcross(insertIf(exists), async (shards) => {
    const [known] = await shards.of(subjectId).query<{ known: boolean }>(sql`SELECT ${exists} AS known`)
    return known?.known ? shards.of(reporterId).query(insertIf(sql`true`)) : []
  })
}

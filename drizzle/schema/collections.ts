/** What people keep, are told, and report; and what is advertised. */
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, timestamp, varchar } from 'drizzle-orm/pg-core'
import { createdAt, id, updatedAt, version } from './columns.ts'

export const boards = pgTable(
  'boards',
  {
    boardId: id('board_id').primaryKey(),
    userId: id('user_id').notNull(),
    name: varchar('name', { length: 100 }).notNull(),
    isPrivate: boolean('is_private').notNull().default(false),
    version: version(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [index('boards_owner').on(t.userId, t.boardId.desc())],
)

export const saves = pgTable(
  'saves',
  {
    boardId: id('board_id').notNull(),
    postId: id('post_id').notNull(),
    userId: id('user_id').notNull(),
    state: varchar('state', { length: 10 }).notNull().default('active'),
    version: version(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.boardId, t.postId] })],
)

export const notifications = pgTable(
  'notifications',
  {
    notificationId: id('notification_id').primaryKey(),
    userId: id('user_id').notNull(),
    kind: varchar('kind', { length: 20 }).notNull(),
    actorId: id('actor_id').notNull(),
    subjectId: id('subject_id'),
    /** What makes a repeated event the same notification. */
    dedupeKey: text('dedupe_key').notNull().unique(),
    readAt: timestamp('read_at', { withTimezone: true }),
    createdAt: createdAt(),
  },
  (t) => [index('notifications_of').on(t.userId, t.notificationId.desc())],
)

export const campaigns = pgTable('campaigns', {
  campaignId: id('campaign_id').primaryKey(),
  ownerId: id('owner_id').notNull(),
  postId: id('post_id').notNull(),
  /** Highest price per thousand impressions, in cents. */
  bidCents: integer('bid_cents').notNull(),
  dailyImpressions: integer('daily_impressions').notNull(),
  perPersonPerDay: integer('per_person_per_day').notNull().default(3),
  hashtags: text('hashtags').array(),
  startsAt: timestamp('starts_at', { withTimezone: true }).notNull(),
  endsAt: timestamp('ends_at', { withTimezone: true }).notNull(),
  state: varchar('state', { length: 10 }).notNull().default('active'),
  createdAt: createdAt(),
})

export const reports = pgTable('reports', {
  reportId: id('report_id').primaryKey(),
  reporterId: id('reporter_id').notNull(),
  subjectKind: varchar('subject_kind', { length: 10 }).notNull(),
  subjectId: id('subject_id').notNull(),
  reason: varchar('reason', { length: 40 }).notNull(),
  detail: text('detail').notNull().default(''),
  state: varchar('state', { length: 10 }).notNull().default('open'),
  evidence: jsonb('evidence'),
  createdAt: createdAt(),
})

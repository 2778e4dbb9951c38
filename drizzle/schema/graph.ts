/**
 * Who follows, blocks and mutes whom. `follows` is written at the edge, sharded by follower; `followers` is its inverse,
 * written at the origin, sharded by followee, and what fan-out reads in keyset pages.
 */
import { index, integer, pgTable, primaryKey, timestamp, varchar } from 'drizzle-orm/pg-core'
import { createdAt, id, updatedAt, version } from './columns.ts'

export const follows = pgTable(
  'follows',
  {
    followerId: id('follower_id').notNull(),
    followeeId: id('followee_id').notNull(),
    /** active, requested (a private account has not answered yet) or removed (a tombstone: newer wins). */
    state: varchar('state', { length: 10 }).notNull().default('active'),
    version: version(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    primaryKey({ columns: [t.followerId, t.followeeId] }),
    index('follows_recent').on(t.followerId, t.state, t.createdAt.desc()),
  ],
)

export const followers = pgTable(
  'followers',
  {
    followeeId: id('followee_id').notNull(),
    followerId: id('follower_id').notNull(),
    state: varchar('state', { length: 10 }).notNull().default('active'),
    /** The version of the follows row that this row reflects. */
    version: version(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [primaryKey({ columns: [t.followeeId, t.followerId] })],
)

/** Requests to follow a private account, by the account asked. */
export const followRequests = pgTable(
  'follow_requests',
  {
    followeeId: id('followee_id').notNull(),
    followerId: id('follower_id').notNull(),
    version: version(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.followeeId, t.followerId] })],
)

const relation = (name: string) =>
  pgTable(
    name,
    {
      userId: id('user_id').notNull(),
      targetId: id('target_id').notNull(),
      state: varchar('state', { length: 10 }).notNull().default('active'),
      version: version(),
      createdAt: createdAt(),
      updatedAt: updatedAt(),
    },
    (t) => [primaryKey({ columns: [t.userId, t.targetId] }), index(`${name}_target`).on(t.targetId, t.userId)],
  )

export const blocks = relation('blocks')
export const mutes = relation('mutes')

/** How much a reader engages with an author: which authors a hot reader is pulled from, and the ranking's affinity. */
export const affinities = pgTable(
  'affinities',
  {
    userId: id('user_id').notNull(),
    authorId: id('author_id').notNull(),
    weight: integer('weight').notNull().default(0),
    /** Of the last engagement that was counted: a repetition counts nothing. */
    version: version(),
    seenAt: timestamp('seen_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.authorId] })],
)

/**
 * How an author's posts reach followers: `mode` is the registry's truth, `applied_mode` what fan-out has consumed from
 * the author's own partition. No row: push. Raised and lowered by compare-and-set on the version.
 */
export const authorModes = pgTable('author_modes', {
  authorId: id('author_id').primaryKey(),
  mode: varchar('mode', { length: 4 }).notNull().default('push'),
  appliedMode: varchar('applied_mode', { length: 4 }).notNull().default('push'),
  appliedVersion: integer('applied_version').notNull().default(0),
  version: integer('version').notNull().default(0),
  updatedAt: updatedAt(),
})

/** Second purges of unfollowed authors: they remove what was pushed meanwhile, then lift the hidden entry. */
export const timelinePurges = pgTable(
  'timeline_purges',
  {
    followerId: id('follower_id').notNull(),
    followeeId: id('followee_id').notNull(),
    dueAt: timestamp('due_at', { withTimezone: true }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.followerId, t.followeeId] }), index('timeline_purges_due').on(t.dueAt)],
)

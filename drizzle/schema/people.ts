/** People and their accounts. Credentials and sessions stay at the origin; the edge reads users only. */
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, timestamp, varchar } from 'drizzle-orm/pg-core'
import { createdAt, id, updatedAt, version } from './columns.ts'

export const users = pgTable('users', {
  userId: id('user_id').primaryKey(),
  username: varchar('username', { length: 50 }).notNull().unique(),
  email: varchar('email', { length: 255 }).notNull().unique(),
  displayName: varchar('display_name', { length: 100 }).notNull().default(''),
  profileImageUrl: text('profile_image_url'),
  bio: text('bio').notNull().default(''),
  isPrivate: boolean('is_private').notNull().default(false),
  followerCount: integer('follower_count').notNull().default(0),
  followingCount: integer('following_count').notNull().default(0),
  postCount: integer('post_count').notNull().default(0),
  version: version(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  deletedAt: timestamp('deleted_at', { withTimezone: true }),
})

export const credentials = pgTable('credentials', {
  userId: id('user_id').primaryKey(),
  /** argon2id in PHC string form. */
  passwordHash: text('password_hash').notNull(),
  updatedAt: updatedAt(),
})

/** One row a sign-in; refresh tokens rotate within it and reuse of an old one ends it. */
export const sessions = pgTable(
  'sessions',
  {
    sessionId: text('session_id').primaryKey(),
    userId: id('user_id').notNull(),
    /** SHA-256 of the refresh token that is valid now. */
    tokenHash: text('token_hash').notNull(),
    /** SHA-256 of the one before: presenting it again means theft, except within the grace of a lost answer. */
    previousHash: text('previous_hash'),
    rotatedAt: timestamp('rotated_at', { withTimezone: true }).notNull().defaultNow(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    revokedAt: timestamp('revoked_at', { withTimezone: true }),
    createdAt: createdAt(),
  },
  (t) => [index('sessions_user').on(t.userId)],
)

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    userId: id('user_id').notNull(),
    key: varchar('key', { length: 255 }).notNull(),
    /** SHA-256 of method, path and body: another body under the same key is refused. */
    requestHash: text('request_hash').notNull(),
    status: integer('status').notNull(),
    response: jsonb('response').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.key] }), index('idempotency_age').on(t.createdAt)],
)

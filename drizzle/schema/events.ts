/** The outbox, and the embedded event log: partitions with gapless offsets, consumer groups and dead letters. */
import { bigint, index, integer, jsonb, pgTable, primaryKey, text, timestamp, varchar } from 'drizzle-orm/pg-core'
import { createdAt, updatedAt } from './columns.ts'

/** Written in the same transaction as the effect. Published by the edge queue, or by the sweeper when that is late. */
export const outbox = pgTable(
  'outbox',
  {
    eventId: text('event_id').primaryKey(),
    type: varchar('type', { length: 40 }).notNull(),
    body: jsonb('body').notNull(),
    createdAt: createdAt(),
    publishedAt: timestamp('published_at', { withTimezone: true }),
    /** A sweeper is publishing the row until then. */
    claimedUntil: timestamp('claimed_until', { withTimezone: true }),
  },
  (t) => [index('outbox_unpublished').on(t.publishedAt, t.createdAt)],
)

/** One row a partition: the lock that makes offsets gapless and visible in order. */
export const logPartitions = pgTable(
  'log_partitions',
  {
    topic: varchar('topic', { length: 60 }).notNull(),
    partition: integer('partition').notNull(),
    nextOffset: bigint('next_offset', { mode: 'number' }).notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.topic, t.partition] })],
)

export const logMessages = pgTable(
  'log_messages',
  {
    topic: varchar('topic', { length: 60 }).notNull(),
    partition: integer('partition').notNull(),
    offset: bigint('offset', { mode: 'number' }).notNull(),
    key: text('key').notNull(),
    value: jsonb('value').notNull(),
    headers: jsonb('headers'),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.topic, t.partition, t.offset] }), index('log_age').on(t.createdAt)],
)

/** Where each group stands in each partition, and which of its members reads there now. */
export const logOffsets = pgTable(
  'log_offsets',
  {
    group: varchar('group_id', { length: 60 }).notNull(),
    topic: varchar('topic', { length: 60 }).notNull(),
    partition: integer('partition').notNull(),
    /** The next offset to read. */
    offset: bigint('offset', { mode: 'number' }).notNull().default(0),
    /** A row of log_members; a commit counts only while it still stands here. */
    owner: text('owner'),
    updatedAt: updatedAt(),
  },
  (t) => [primaryKey({ columns: [t.group, t.topic, t.partition] })],
)

/** Members of consumer groups. One that is past its expiry is dead, and its partitions are free to take. */
export const logMembers = pgTable(
  'log_members',
  {
    member: text('member').primaryKey(),
    group: varchar('group_id', { length: 60 }).notNull(),
    topics: text('topics').array().notNull(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  },
  (t) => [index('log_members_group').on(t.group)],
)

/** What the edge queues gave up on, kept until somebody replays it. The body is text: it may be no JSON we could store. */
export const deadLetters = pgTable(
  'dead_letters',
  {
    queue: varchar('queue', { length: 60 }).notNull(),
    messageId: text('message_id').notNull(),
    body: text('body').notNull(),
    reason: text('reason').notNull(),
    attempts: integer('attempts').notNull(),
    createdAt: createdAt(),
    replayedAt: timestamp('replayed_at', { withTimezone: true }),
  },
  (t) => [primaryKey({ columns: [t.queue, t.messageId] }), index('dead_letters_waiting').on(t.replayedAt, t.createdAt)],
)

/** Which database owns which logical shards. Used when there are several; with one, these tables stay empty. */
import { bigint, boolean, integer, jsonb, pgTable, timestamp, varchar } from 'drizzle-orm/pg-core'

const range = () => ({ firstShard: integer('first_shard').primaryKey(), lastShard: integer('last_shard').notNull() })

/** Raised each time that a range changes hands. */
const epoch = () => bigint('epoch', { mode: 'number' }).notNull().default(1)

/** The map of all databases, in the first one: founded by the settings, changed by moves. */
export const shardRanges = pgTable('shard_ranges', {
  ...range(),
  /** Its place in DATABASE_URLS, from 0. */
  database: integer('database').notNull(),
  epoch: epoch(),
  /** A move of it is announced: readers ask whether the database still owns it, too. */
  moving: boolean('moving').notNull().default(false),
})

/** What this database owns. assert_shards() compares it with what a client believes, in the client's own transaction. */
export const shardOwner = pgTable('shard_owner', {
  ...range(),
  epoch: epoch(),
  /** open; closing (read, but written no more); moved (another's by now); incoming (filled, not owned yet). */
  state: varchar('state', { length: 8 }).notNull().default('open'),
})

/** The name that this database got when it first took part: one row. Settings that name it at another place are refused. */
export const shardDatabase = pgTable('shard_database', { name: varchar('name', { length: 20 }).primaryKey() })

/** Written at a move's source and replicated with its rows: what has arrived after one, everything before it has, too. */
export const shardMarks = pgTable('shard_marks', {
  mark: varchar('mark', { length: 60 }).primaryKey(),
  writtenAt: timestamp('written_at', { withTimezone: true }).notNull().defaultNow(),
})

/** Moves of ranges, in the first database: how far each has come, so that it goes on after any crash. */
export const shardMoves = pgTable('shard_moves', {
  ...range(),
  source: integer('source').notNull(),
  target: integer('target').notNull(),
  /** Of the range at the target. */
  epoch: bigint('epoch', { mode: 'number' }).notNull(),
  step: varchar('step', { length: 10 }).notNull(),
  announcedAt: timestamp('announced_at', { withTimezone: true }).notNull().defaultNow(),
  switchedAt: timestamp('switched_at', { withTimezone: true }),
  /** What the terminal told of it: rows, bytes, the pause in milliseconds. */
  figures: jsonb('figures').notNull().default({}),
})

/**
 * The tables whose rows move with their owners. What is not here stays: the first database's own tables, and the outbox,
 * whose rows are published from wherever they were written.
 */
import type { ShardRange } from '#core/shard-map.ts'

export interface ShardedTable {
  readonly name: string
  /**
   * The columns of the primary key whose ids say where a row belongs. Two: it is in the databases of both people, the
   * actor's row being the truth and the other a copy, and the newer version stays where they meet.
   */
  readonly owners: readonly [string] | readonly [string, string]
}

const of = (name: string, ...owners: [string] | [string, string]): ShardedTable => ({ name, owners })

export const SHARDED_TABLES: readonly ShardedTable[] = [
  of('users', 'user_id'),
  of('credentials', 'user_id'),
  of('idempotency_keys', 'user_id'),
  of('posts', 'post_id'),
  of('post_aliases', 'alias_id'),
  of('media', 'media_id'),
  of('media_jobs', 'media_id'),
  of('boards', 'board_id'),
  of('saves', 'board_id'),
  of('notifications', 'notification_id'),
  of('reports', 'report_id'),
  of('affinities', 'user_id'),
  of('author_modes', 'author_id'),
  of('timeline_purges', 'follower_id'),
  of('followers', 'followee_id'),
  of('follows', 'follower_id', 'followee_id'),
  of('follow_requests', 'followee_id', 'follower_id'),
  of('blocks', 'user_id', 'target_id'),
  of('mutes', 'user_id', 'target_id'),
]

/** Carries the marks by which a move knows that everything before has arrived. */
export const MARKS = 'shard_marks'

const shardOf = (column: string) => `((${column} >> 10) & 8191)`

/** A condition: the row belongs to somebody of the range. Also a row filter, which allows plain operators on key columns only. */
export const inRange = ({ owners }: ShardedTable, { first, last }: ShardRange): string =>
  owners.map((column) => `(${shardOf(column)} BETWEEN ${first} AND ${last})`).join(' OR ')

/** A condition: the row belongs to nobody of the database that it is asked in. */
export const ofNobodyHere = ({ owners }: ShardedTable): string =>
  `NOT EXISTS (SELECT 1 FROM shard_owner o WHERE o.state IN ('open', 'closing') AND (${owners
    .map((column) => `${shardOf(column)} BETWEEN o.first_shard AND o.last_shard`)
    .join(' OR ')}))`

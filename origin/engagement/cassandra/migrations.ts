/**
 * The schema, in small steps, applied in order. A step that has been released is never changed; a new one is added at the
 * end. Each statement may be applied twice, since a process may die between a step and its entry in the ledger.
 */
export interface Migration {
  name: string
  statements: readonly string[]
}

/** Rows live until they are deleted. */
const FOREVER = 'default_time_to_live = 0'
/** Large partitions that are read by slices and deleted from little. */
const READ_MOSTLY = `compaction = {'class': 'UnifiedCompactionStrategy'} AND ${FOREVER}`

export const MIGRATIONS: readonly Migration[] = [
  {
    name: '0001_likes',
    statements: [
      `CREATE TABLE IF NOT EXISTS likes_by_user (
        user_id bigint, post_id bigint, state text, changed_at bigint, version bigint,
        bucket int, created_at timestamp, write_id uuid,
        PRIMARY KEY ((user_id), post_id)) WITH ${READ_MOSTLY}`,
      `CREATE TABLE IF NOT EXISTS likes (
        post_id bigint, bucket int, created_at timestamp, user_id bigint,
        PRIMARY KEY ((post_id, bucket), created_at, user_id))
        WITH CLUSTERING ORDER BY (created_at DESC, user_id ASC) AND ${READ_MOSTLY}`,
    ],
  },
  {
    name: '0002_buckets',
    statements: [
      `CREATE TABLE IF NOT EXISTS buckets (
        post_id bigint, kind text, bucket int, opens_at timestamp,
        changed uuid, counted frozen<tuple<uuid, int, bigint, bigint>>,
        PRIMARY KEY ((post_id), kind, bucket)) WITH ${FOREVER}`,
    ],
  },
  {
    name: '0003_comments',
    statements: [
      `CREATE TABLE IF NOT EXISTS comments (
        post_id bigint, bucket int, comment_id bigint, parent_id bigint, user_id bigint, body text,
        created_at timestamp, edited_at timestamp, deleted boolean, version int,
        PRIMARY KEY ((post_id, bucket), comment_id))
        WITH CLUSTERING ORDER BY (comment_id DESC) AND ${READ_MOSTLY}`,
      `CREATE TABLE IF NOT EXISTS threads (
        post_id bigint, bucket int, comment_id bigint,
        PRIMARY KEY ((post_id, bucket), comment_id))
        WITH CLUSTERING ORDER BY (comment_id DESC) AND ${READ_MOSTLY}`,
      `CREATE TABLE IF NOT EXISTS replies (
        parent_id bigint, comment_id bigint, post_id bigint,
        PRIMARY KEY ((parent_id), comment_id)) WITH ${READ_MOSTLY}`,
      `CREATE TABLE IF NOT EXISTS comments_by_user (
        user_id bigint, comment_id bigint, post_id bigint,
        PRIMARY KEY ((user_id), comment_id))
        WITH CLUSTERING ORDER BY (comment_id DESC) AND ${READ_MOSTLY}`,
    ],
  },
  {
    name: '0004_shares',
    statements: [
      `CREATE TABLE IF NOT EXISTS shares_by_user (
        user_id bigint, post_id bigint, shared_at timestamp, bucket int,
        PRIMARY KEY ((user_id), post_id)) WITH ${READ_MOSTLY}`,
      `CREATE TABLE IF NOT EXISTS shares (
        post_id bigint, bucket int, shared_at timestamp, user_id bigint,
        PRIMARY KEY ((post_id, bucket), shared_at, user_id))
        WITH CLUSTERING ORDER BY (shared_at DESC, user_id ASC) AND ${READ_MOSTLY}`,
    ],
  },
  {
    name: '0005_bucket_writes',
    statements: ['ALTER TABLE buckets ADD IF NOT EXISTS written map<uuid, int>'],
  },
]

/** The stores on Postgres: the real statements of the edge, of graph and of fan-out, each of them one step. */
import { sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { type FollowRow, follow, unfollow } from '#drizzle/queries/graph.ts'
import { createPost, deletePost } from '#drizzle/queries/posts.ts'
import { block, lift } from '#drizzle/queries/relations.ts'
import { postgresFanout } from '../../origin/fanout/postgres.ts'
import { postgresGraph } from '../../origin/graph/postgres.ts'
import type { PairChange, Truth } from './truth.ts'

/** Empties the database but for these people. */
export async function beginAnew(database: Database, people: readonly Id[]): Promise<void> {
  await database.query(
    sql`TRUNCATE users, follows, followers, blocks, posts, outbox, author_modes, timeline_purges CASCADE`,
  )
  for (const id of people) {
    await database.query(sql`INSERT INTO users (user_id, username, email)
      VALUES (${id}::bigint, 'u' || ${id}::text, ${id}::text || '@example.org')`)
  }
}

export function postgresTruth(database: Database): Truth {
  const changed = (row: FollowRow | undefined): PairChange | null => {
    if (row === undefined || row.state === 'requested') return null
    const { followerId, followeeId } = row.event.data
    return { followerId, followeeId, state: row.state, version: Number(row.version) }
  }
  const count = async (statement: ReturnType<typeof sql>) =>
    Number((await database.query<{ n: number | string }>(statement))[0]?.n ?? 0)
  return {
    graph: postgresGraph(database),
    fanout: postgresFanout(database),
    edge: database,
    async commitPost(author, post) {
      const made = { postId: post, userId: author, caption: '', hashtags: [], mediaIds: [], traceparent: null }
      await database.query(createPost(made))
    },
    async commitDelete(author, post) {
      await database.query(deletePost(post, author, null))
    },
    commitFollow: async (reader, author) => changed((await database.query<FollowRow>(follow(reader, author, null)))[0]),
    commitUnfollow: async (reader, author) =>
      changed((await database.query<FollowRow>(unfollow(reader, author, null)))[0]),
    async commitBlock(user, target, active) {
      const [, ended = []] = await database.batch(
        active ? block(user, target, null) : lift('block', user, target, null),
      )
      return (ended as unknown as FollowRow[]).flatMap((row) => changed(row) ?? [])
    },
    async takeOutbox() {
      const rows = await database.query<{ body: TidelineEvent }>(
        sql`DELETE FROM outbox WHERE type = 'celebrity.changed' RETURNING body`,
      )
      return rows.map((row) => row.body)
    },
    followerCount: (author) => count(sql`SELECT follower_count AS n FROM users WHERE user_id = ${author}::bigint`),
    async passTime() {
      await database.query(sql`UPDATE timeline_purges SET due_at = due_at - interval '61 seconds'`)
      await database.query(sql`UPDATE author_modes SET updated_at = updated_at - interval '61 minutes'`)
    },
    openPurges: () => count(sql`SELECT count(*) AS n FROM timeline_purges`),
  }
}

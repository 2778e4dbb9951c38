import type { Database } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/fanout.ts'
import * as feed from '#drizzle/queries/feed.ts'
import type { GraphStore } from './store.ts'

/** The graph on Postgres. All of it reads the primary. */
export function postgresGraph(database: Database): GraphStore {
  return {
    async applyFollow(change) {
      const [, rows] = await database.batch(queries.applyFollow(change))
      const row = rows?.[0] as unknown as queries.AppliedFollow | undefined
      if (row === undefined) return null
      const { state, version, follower_count: followerCount, mode } = row
      return { state, version: Number(version), followerCount, mode }
    },
    async authorPosts(author, from, limit) {
      const rows = await database.query<feed.PostPlace>(feed.authorPosts(author, limit, from))
      return feed.followedPostsOf(rows, limit)
    },
    async relations(user, target) {
      const [row] = await database.query<queries.Relations>(queries.relations(user, target))
      return row ?? { blocked: false, muted: false }
    },
    async schedulePurge(followerId, followeeId, afterMs) {
      await database.query(queries.schedulePurge(followerId, followeeId, afterMs))
    },
    async takeDuePurges(limit) {
      const rows = await database.query<queries.DuePurge>(queries.takeDuePurges(limit))
      return rows.map((row) => ({ followerId: String(row.follower_id), followeeId: String(row.followee_id) }))
    },
    async standing(reader, author) {
      const [row] = await database.query<queries.Standing>(queries.standing(reader, author))
      return {
        following: row?.following ?? false,
        purgeScheduled: row?.purge_scheduled ?? false,
        mode: row?.mode ?? 'push',
      }
    },
  }
}

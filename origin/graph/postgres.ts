import type { Database } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/fanout.ts'
import * as feed from '#drizzle/queries/feed.ts'
import { type Relations, relations } from '#drizzle/queries/relations.ts'
import type { GraphStore } from './store.ts'

/** The graph on Postgres. All of it reads the primary. */
export function postgresGraph(database: Database): GraphStore {
  return {
    async applyFollow(change) {
      const results = await database.batch(queries.applyFollow(change))
      const row = results.at(-1)?.[0] as unknown as queries.AppliedFollow | undefined
      if (row === undefined) return null
      const { state, version, follower_count: followerCount } = row
      return { state, version: Number(version), followerCount }
    },
    async authorPosts(author, from, limit) {
      const rows = await database.query<feed.PostPlace>(feed.authorPosts(author, limit, from))
      return feed.followedPostsOf(rows, limit)
    },
    async relations(user, target) {
      const [row] = await database.query<Relations>(relations(user, target))
      return row ?? { blocked: false, muted: false }
    },
    async schedulePurge(followerId, followeeId, afterMs) {
      await database.query(queries.schedulePurge(followerId, followeeId, afterMs))
    },
    async takeDuePurges(limit, leaseMs) {
      const rows = await database.query<queries.DuePurge>(queries.takeDuePurges(limit, leaseMs))
      return rows.map(({ follower_id, followee_id, lease }) => ({
        followerId: String(follower_id),
        followeeId: String(followee_id),
        lease,
      }))
    },
    async finishPurge({ followerId, followeeId, lease }) {
      await database.query(queries.finishPurge(followerId, followeeId, lease))
    },
    async postsBy(author, among) {
      const rows = await database.query<{ post_id: string }>(queries.postsBy(author, among))
      return rows.map((row) => String(row.post_id))
    },
    async standing(reader, author) {
      const [row] = await database.query<queries.Standing>(queries.standing(reader, author))
      return {
        following: row?.following ?? false,
        ended: row?.ended ?? true,
        mode: row?.mode ?? 'push',
      }
    },
  }
}

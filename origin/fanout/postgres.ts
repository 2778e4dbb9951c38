import type { AuthorMode } from '#core/timeline/index.ts'
import type { Database } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/fanout.ts'
import * as feed from '#drizzle/queries/feed.ts'
import type { FanoutStore } from './store.ts'

type TargetRow = feed.PostRow & {
  follower_count: number
  applied_mode: AuthorMode
  has_crossed: boolean
  pulled_since: string | number | null
}

/** Fan-out on Postgres. All of it reads the primary: a replica would miss a follow that has just been made. */
export function postgresFanout(database: Database): FanoutStore {
  return {
    async target(post) {
      const [row] = await database.query<TargetRow>(queries.fanoutTarget(post))
      if (row === undefined) return null
      return {
        post: feed.postRecord(row),
        deleted: row.deleted,
        followerCount: row.follower_count,
        appliedMode: row.applied_mode,
        hasCrossed: row.has_crossed,
        pulledSinceMs: row.pulled_since === null ? null : Number(row.pulled_since),
      }
    },
    async followers(author, after, limit, bounds) {
      const [row] = await database.query<{ ids: string }>(queries.followersPage(author, after, limit, bounds))
      return queries.idsOf(row)
    },
    async pageEnds(author, after, size, pages) {
      const statement = queries.followerPageEnds(author, after, size, pages)
      const rows = await database.query<{ follower_id: string }>(statement)
      return rows.map((row) => String(row.follower_id))
    },
    async hotReaders(readers, limit) {
      const rows = await database.query<{ user_id: string }>(queries.hotReaders(readers, limit))
      return new Set(rows.map((row) => String(row.user_id)))
    },
    async authorPosts(author, limit) {
      return feed.followedPostsOf(await database.query(feed.authorPosts(author, limit)), limit)
    },
    async mode(author) {
      const [row] = await database.query<queries.ModeRow>(queries.authorMode(author))
      if (row === undefined) return { mode: 'push', appliedMode: 'push', version: 0 }
      return { mode: row.mode, appliedMode: row.applied_mode, version: row.version }
    },
    async changeMode(author, from, to, event) {
      const rows = await database.query(queries.changeMode(author, from, to, { id: event.id, body: event }))
      return rows.length > 0
    },
    async applyMode(author, mode, version) {
      await database.query(queries.applyMode(author, mode, version))
    },
  }
}

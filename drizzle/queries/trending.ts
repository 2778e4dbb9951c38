/** What is trending: engagement per post, decayed by age. */
import { type SQL, sql } from 'drizzle-orm'
import { compareIds, firstIdAt } from '#core/ids.ts'
import { everywhere, type Owned } from '../placement.ts'
import { posts, users } from '../schema.ts'

export interface TrendingRow {
  post_id: string
  user_id: string
  hashtags: string[]
  like_count: number
  comment_count: number
}

/** The most engaged visible posts of public accounts since an instant, most engaged first. Rows of `TrendingRow`. */
export function engagedSince(sinceMs: number, limit: number): SQL {
  const statement = (owned: Owned) => sql`
    ${visible(owned)} AND p.post_id >= ${firstIdAt(sinceMs)}::bigint
     ORDER BY p.like_count + 2 * p.comment_count DESC, p.post_id DESC
     LIMIT ${limit}::int`
  const merge = (rows: TrendingRow[]) => rows.sort((a, b) => weight(b) - weight(a)).slice(0, limit)
  return everywhere<TrendingRow>(statement, { merge })
}

/** The newest visible posts of public accounts, however old. Rows of `TrendingRow`. */
export function newestPublic(limit: number): SQL {
  const statement = (owned: Owned) => sql`${visible(owned)} ORDER BY p.post_id DESC LIMIT ${limit}::int`
  const merge = (rows: TrendingRow[]) =>
    rows.sort((a, b) => compareIds(String(b.post_id), String(a.post_id))).slice(0, limit)
  return everywhere<TrendingRow>(statement, { merge })
}

const visible = (owned: Owned) => sql`
    SELECT p.post_id, p.user_id, p.hashtags, p.like_count, p.comment_count
      FROM ${posts} p JOIN ${users} u ON u.user_id = p.user_id
     WHERE p.deleted_at IS NULL AND p.state = 'visible'
       AND NOT u.is_private AND u.deleted_at IS NULL AND ${owned('p.user_id')}`

const weight = (row: TrendingRow) => row.like_count + 2 * row.comment_count

/** Shares: the person's row decides, by a conditional insert; the post's row follows from it and may be repeated. */
import type { Id, Random } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { EngagementStore } from '../store.ts'
import type { Buckets, Total } from './buckets.ts'
import { afterRefusal } from './races.ts'
import type { CassandraSession } from './session.ts'

export interface ShareNeeds {
  session: CassandraSession
  buckets: Buckets
  now(): number
  random: Random
}

const ATTEMPTS = 8

export function cassandraShares({ session, buckets, now, random }: ShareNeeds): Pick<EngagementStore, 'share'> {
  return {
    async share({ postId, userId, at }) {
      const key = [BigInt(userId), BigInt(postId)]
      const bucket = await buckets.at(postId, 'shares', now())
      let mayBeMine = false
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const decision = await session.decide(
          'INSERT INTO shares_by_user (user_id, post_id, shared_at, bucket) VALUES (?, ?, ?, ?) IF NOT EXISTS',
          [...key, new Date(at), bucket],
        )
        mayBeMine ||= decision !== 'refused'
        const query = 'SELECT shared_at, bucket FROM shares_by_user WHERE user_id = ? AND post_id = ?'
        const row =
          decision === 'applied'
            ? { shared_at: new Date(at), bucket }
            : await afterRefusal(random, decision, attempt, () => session.readSerial(query, key))
        if (row === null) continue
        const first: { at: number; bucket: number } = { at: row.shared_at.getTime(), bucket: row.bucket }
        await session.write('INSERT INTO shares (post_id, bucket, shared_at, user_id) VALUES (?, ?, ?, ?)', [
          ...[BigInt(postId), first.bucket, new Date(first.at), BigInt(userId)],
        ])
        await buckets.changed(postId, 'shares', first.bucket, 'added')
        return { added: mayBeMine && first.at === at, at: first.at }
      }
      throw problems.away('Cassandra')
    },
  }
}

/** Rows of one bucket, for its total. */
export async function countShares(session: CassandraSession, postId: Id, bucket: number): Promise<Total> {
  const query = `SELECT count(*) AS n, max(shared_at) AS newest, min(shared_at) AS oldest FROM shares
    WHERE post_id = ? AND bucket = ?`
  const row = await session.aggregate(query, [BigInt(postId), bucket])
  return { rows: Number(row.n), newestMs: row.newest?.getTime() ?? 0, oldestMs: row.oldest?.getTime() ?? 0 }
}

/** Engagement in Cassandra: tables in migrations.ts, each in docs/storage-schema.md. */
import type { Clock, Random } from '#core/ids.ts'
import type { EngagementStore } from '../store.ts'
import { createBuckets } from './buckets.ts'
import { cassandraComments, countComments } from './comments.ts'
import { cassandraLikes, countLikes } from './likes.ts'
import { cassandraReconcile } from './reconcile.ts'
import { gatherRows } from './row-writes.ts'
import type { CassandraSession } from './session.ts'
import type { BucketRows } from './settings.ts'
import { cassandraShares, countShares } from './shares.ts'

export { type CassandraSession, cassandraSession } from './session.ts'
export { BUCKET_ROWS, type CassandraSettings, cassandraEnvironment, cassandraSettings } from './settings.ts'

export interface CassandraEngagementNeeds {
  session: CassandraSession
  /** Rows from which on a post's partition is full. */
  bucketRows: BucketRows
  clock: Clock
  random: Random
}

export function cassandraEngagement({ session, bucketRows, clock, random }: CassandraEngagementNeeds): EngagementStore {
  const buckets = createBuckets({
    session,
    clock,
    full: bucketRows,
    countRows: {
      likes: (postId, bucket) => countLikes(session, postId, bucket),
      comments: (postId, bucket) => countComments(session, postId, bucket),
      shares: (postId, bucket) => countShares(session, postId, bucket),
    },
  })
  const rows = gatherRows(session)
  return {
    ...cassandraLikes({ session, rows, buckets, now: clock, random }),
    ...cassandraReconcile({ session, rows, buckets }),
    ...cassandraComments({ session, buckets, random }),
    ...cassandraShares({ session, buckets, now: clock, random }),
    async count(postId) {
      const [likes, comments] = await Promise.all([buckets.count(postId, 'likes'), buckets.count(postId, 'comments')])
      return { likes, comments }
    },
  }
}

/** Affinity: likes and comments, counted by reader and author. */
import type { TidelineEvent } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import { countEngagement } from '#drizzle/queries/affinities.ts'

/** Counts a like or a comment on somebody else's post. An unlike or an edit is no engagement, and takes none back. */
export async function countAffinity(
  event: TidelineEvent<'post.liked' | 'post.commented'>,
  database: Database,
): Promise<void> {
  const { userId, authorId } = event.data
  const isNew = event.type === 'post.liked' ? event.data.state === 'liked' : event.data.version === 1
  if (userId === authorId || !isNew) return
  await database.query(countEngagement(userId, authorId, event.time))
}

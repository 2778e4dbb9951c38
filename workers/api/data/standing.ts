/**
 * May this viewer act on this post, and whose is it? Redis answers for public authors in one round trip, which is what
 * keeps a like cheap; whatever it does not know for certain, Postgres decides.
 */
import type { Id } from '#core/ids.ts'
import { keys, SENTINEL } from '#core/keys.ts'
import { problems } from '#core/problem.ts'
import type { Reply } from '#core/redis.ts'
import { DELETED, parsePost, readPost } from '#core/timeline/index.ts'
import { type PostStandingRow, postStanding } from '#drizzle/queries/posts.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import type { Services } from '../services.ts'
import { DatabaseAwayError } from './postgres.ts'

/** Authors of posts acted on lately. A post never changes hands, so entries do not age. */
const authorOfPost = new Map<Id, Id>()
const AUTHORS_KEPT = 20_000

function keepAuthor(post: Id, author: Id): void {
  if (authorOfPost.size >= AUTHORS_KEPT) authorOfPost.delete(authorOfPost.keys().next().value ?? '')
  authorOfPost.set(post, author)
}

/**
 * The author of a post that the viewer may see.
 * @throws Problem 404 when it is gone, hidden from this viewer, or never was; 503 when nobody can tell
 */
export async function authorOfVisible(services: Services, post: Id, viewer: Id | null): Promise<Id> {
  const known = authorOfPost.get(post)
  if (known !== undefined && viewer !== null) {
    const verdict = await askRedis(services, post, known, viewer)
    if (verdict !== null) return settle(verdict, known)
  }
  let row: PostStandingRow | undefined
  try {
    row = (await services.db.query<PostStandingRow>(postStanding(post, viewer ?? NOBODY)))[0]
  } catch (error) {
    if (!(error instanceof DatabaseAwayError) || viewer === null) throw error
    const author = known ?? (await authorFromRedis(services, post))
    const verdict = author === null ? null : await askRedis(services, post, author, viewer)
    if (author === null || verdict === null) throw error
    return settle(verdict, author)
  }
  if (row !== undefined) keepAuthor(post, row.author_id)
  return settle(row?.visible === true, row?.author_id ?? '')
}

function settle(visible: boolean, author: Id): Id {
  if (!visible) throw problems.notFound('post')
  return author
}

/** True or false when Redis knows, null when it does not: no sentinel, no post, a private author, a post that waits. */
async function askRedis({ redis }: Services, post: Id, author: Id, viewer: Id): Promise<boolean | null> {
  let replies: Reply[]
  try {
    replies = await redis.pipeline([
      readPost(post),
      ['SMISMEMBER', keys.hidden(viewer), SENTINEL, `b:${author}`],
      ['HGET', keys.user(author), 'is_private'],
    ])
  } catch {
    return null
  }
  const found = parsePost(post, replies[0])
  if (found === DELETED) return false
  const [known, blocked] = replies[1] as Reply[]
  if (found?.post.userId !== author || found.post.awaitsMedia || known !== 1 || replies[2] !== '0') return null
  return blocked === 0
}

async function authorFromRedis({ redis }: Services, post: Id): Promise<Id | null> {
  const [reply] = await redis.pipeline([readPost(post)])
  const found = parsePost(post, reply)
  return found === null || found === DELETED ? null : found.post.userId
}

/** Posts as clients see them: rows from Postgres, counts and likes from Redis as the feed has them. */
import { type KeySignatures, presentAuthor, presentMedia, privateKeysOf } from '#core/feed/index.ts'
import { type Id, idMs } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import type { Reply } from '#core/redis.ts'
import { type Counts, parseCounts, readCounts } from '#core/timeline/index.ts'
import { postRecord, userRecord } from '#drizzle/queries/feed.ts'
import type { PostViewRow } from '#drizzle/queries/posts.ts'
import type { CallTrace } from '../data/origin.ts'
import type { Services } from '../services.ts'
import type { PersonJson } from './people.ts'

export interface PostJson {
  id: Id
  author: PersonJson
  caption: string
  hashtags: string[]
  media: {
    id: Id
    type: 'image' | 'video'
    width: number
    height: number
    alt: string
    blur: string | null
    urls: { thumb: string; small: string; medium: string; large: string }
    playlist?: string
  }[]
  createdAt: string
  likeCount: number
  commentCount: number
  liked: boolean
  awaitsMedia?: boolean
}

/**
 * Adds counts and the viewer's likes. Redis away: counts as Postgres last knew them, likes as the origin answers.
 * Origin away: what is unknown reads as not liked.
 */
export async function presentPosts(
  services: Services,
  rows: readonly PostViewRow[],
  viewer: Id | null,
  trace: CallTrace,
): Promise<PostJson[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.post_id)
  const commands = [
    readCounts(ids),
    ...(viewer === null ? [] : [['ZMSCORE', keys.liked(viewer), MARK, ...ids] as const]),
  ]
  const replies = await services.redis.pipeline(commands).catch(() => [] as Reply[])
  const liked = viewer === null ? new Set<Id>() : await likedAmong(services, viewer, ids, replies[1], trace)
  const counts = Array.isArray(replies[0]) ? replies[0] : []
  const shown = { imageBase: services.config.imageBase, signatures: await signaturesFor(services, rows) }
  return rows.map((row, i) => presentPost(row, parseCounts(counts[i]), liked.has(row.post_id), shown))
}

/** For the private pictures among these posts. */
export const signaturesFor = ({ signatures }: Services, rows: readonly PostViewRow[]): Promise<KeySignatures> =>
  signatures.of(rows.flatMap((row) => privateKeysOf(row.media_urls)))

/** @param counts null: as Postgres last knew them */
export function presentPost(
  row: PostViewRow,
  counts: Counts | null,
  liked: boolean,
  { imageBase, signatures }: { imageBase: string; signatures: KeySignatures },
): PostJson {
  const post = postRecord(row)
  return {
    id: post.id,
    author: presentAuthor(userRecord(row), imageBase) as PersonJson,
    caption: post.caption,
    hashtags: post.hashtags,
    media: presentMedia(post.media, imageBase, signatures) as PostJson['media'],
    createdAt: new Date(idMs(post.id)).toISOString(),
    likeCount: counts?.likes ?? row.like_count,
    commentCount: counts?.comments ?? row.comment_count,
    liked,
    ...(post.awaitsMedia ? { awaitsMedia: true } : {}),
  }
}

/** liked:{u} holds every like since its floor; a post made before the floor may have an older like. */
async function likedAmong(
  { origin }: Services,
  viewer: Id,
  ids: readonly Id[],
  reply: Reply | undefined,
  trace: CallTrace,
): Promise<Set<Id>> {
  const scores = Array.isArray(reply) ? reply : []
  const floor = scores[0] === null || scores[0] === undefined ? Number.POSITIVE_INFINITY : Number(scores[0])
  const liked = new Set<Id>()
  const unknown: Id[] = []
  ids.forEach((id, i) => {
    const score = scores[i + 1]
    if (score !== null && score !== undefined) liked.add(id)
    else if (idMs(id) < floor) unknown.push(id)
  })
  if (unknown.length > 0) {
    const answer = await origin
      .call('engagement.likedAmong', { userId: viewer, postIds: unknown }, trace)
      .catch(() => ({ liked: [] }))
    for (const id of answer.liked) liked.add(id)
  }
  return liked
}

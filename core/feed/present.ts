/**
 * Presenting: JSON by joining strings. A post's own fields are serialised once, when it enters the isolate; what differs
 * from viewer to viewer (counts, like, reason) is added here. Serialising fifty posts anew would cost more than the rest
 * of the read.
 */

import type { Id } from '../ids.ts'
import { idMs } from '../ids.ts'
import { imageUrl } from '../image/index.ts'
import type { Counts, PostRecord, UserRecord } from '../timeline/index.ts'
import type { FeedPost, HydratedItem, Reason, Viewer } from './types.ts'

/** Why am I seeing this: a sentence for people. */
const WHY: Record<Reason, string> = {
  own: 'You posted this.',
  follow: 'You follow this account.',
  celebrity: 'You follow this account.',
  tag: 'You follow a hashtag of this post.',
  recommended: 'People with interests like yours engaged with this post.',
  trending: 'Many people are engaging with this post now.',
  sponsored: 'An advertiser paid for this post to be shown.',
}

/** The public shape of a post's media: the facts and ready URLs of each size. */
export function presentMedia(media: PostRecord['media'], imageBase: string): object[] {
  return media.map((item) => ({
    id: item.mediaId,
    type: item.type,
    width: item.width,
    height: item.height,
    alt: item.alt,
    blur: item.blur,
    urls: {
      thumb: imageUrl(imageBase, item.key, 'thumb'),
      small: imageUrl(imageBase, item.key, 'small'),
      medium: imageUrl(imageBase, item.key, 'medium'),
      large: imageUrl(imageBase, item.key, 'large'),
    },
    ...(item.playlist === undefined ? {} : { playlist: item.playlist }),
  }))
}

export function presentAuthor(user: UserRecord, imageBase: string): object {
  return {
    id: user.id,
    username: user.username,
    displayName: user.displayName,
    avatar: user.avatar === null ? null : imageUrl(imageBase, user.avatar, 'thumb'),
  }
}

/** Makes what an isolate keeps of a post. `imageBase` is the origin of image addresses, '' for relative ones. */
export function feedPost(post: PostRecord, author: UserRecord, counts: Counts, imageBase: string): FeedPost {
  const shared = {
    id: post.id,
    author: presentAuthor(author, imageBase),
    caption: post.caption,
    hashtags: post.hashtags,
    media: presentMedia(post.media, imageBase),
    createdAt: new Date(idMs(post.id)).toISOString(),
  }
  return {
    id: post.id,
    authorId: author.id,
    authorName: author.username,
    authorPrivate: author.isPrivate,
    ms: idMs(post.id),
    hashtags: post.hashtags,
    awaitsMedia: post.awaitsMedia,
    json: JSON.stringify(shared).slice(0, -1),
    counts,
  }
}

/** One post as JSON for a viewer, without a reason: what GET /v1/posts/{id} answers too. */
export function presentPost(post: FeedPost, liked: boolean): string {
  return `${post.json},"likeCount":${post.counts.likes},"commentCount":${post.counts.comments},"liked":${liked}}`
}

const reasonJson = Object.fromEntries(
  Object.entries(WHY).map(([reason, why]) => [reason, `,"reason":"${reason}","why":${JSON.stringify(why)}}`]),
) as Record<Reason, string>

function presentItem({ post, candidate }: HydratedItem, liked: boolean): string {
  const { likes, comments } = post.counts
  return `${post.json},"likeCount":${likes},"commentCount":${comments},"liked":${liked}${reasonJson[candidate.reason]}`
}

/** A page: `{ items, cursor }`. */
export function presentPage(
  items: readonly HydratedItem[],
  viewer: Pick<Viewer, 'liked'>,
  cursor: string | null,
): string {
  const parts = items.map((item) => presentItem(item, viewer.liked.has(item.post.id)))
  return `{"items":[${parts.join(',')}],"cursor":${cursor === null ? 'null' : `"${cursor}"`}}`
}

/**
 * A weak ETag over what a page shows: which posts, in which order, with which counts and likes. FNV-1a, 2 × 32 bits; it
 * is no secret, it only has to differ when the page does.
 */
export function pageTag(items: readonly HydratedItem[], viewer: { id: Id; liked: ReadonlySet<Id> }): string {
  let a = 0x811c9dc5
  let b = 0x01000193
  const mix = (text: string) => {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      a = Math.imul(a ^ code, 0x01000193)
      b = Math.imul(b ^ code, 0x85ebca6b)
    }
  }
  mix(viewer.id)
  for (const { post, candidate } of items) {
    const liked = viewer.liked.has(post.id) ? '+' : '-'
    mix(`${post.id}${liked}${post.counts.likes}.${post.counts.comments}${candidate.reason}`)
  }
  return `W/"${(a >>> 0).toString(36)}${(b >>> 0).toString(36)}"`
}

/** What the edge writes after the commit and before the answer, so that authors see what they did at once (rule 10). */
import type { Id } from '../ids.ts'
import type { Command } from '../redis.ts'
import { addToAuthorList, removeFromAuthorList } from './author-list.ts'
import { announce } from './delta.ts'
import type { PostRecord } from './packed-post.ts'
import { writeDeletedPost, writePost } from './post-record.ts'
import { pushPost, removePosts } from './timeline.ts'

/** The post, its place in the author's list and in the author's own timeline. Fan-out repeats it. */
export function writeOwnPost(post: PostRecord): Command[] {
  return [...writePost(post), ...addToAuthorList(post.userId, post.id), ...pushPost([post.userId], post.id)]
}

/** The tombstone, the announcement to every isolate, and out of the author's own lists. */
export function deleteOwnPost(author: Id, post: Id, nowMs: number): Command[] {
  return [
    ...writeDeletedPost(post),
    ...announce([{ kind: 'deleted', post }], nowMs),
    removeFromAuthorList(author, post),
    ...removePosts(author, [post]),
  ]
}

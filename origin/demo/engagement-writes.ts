/** The demo's likes and comments in an engagement store that is not the database: one by one, some at a time. */
import { type EngagementStore, likeVersion } from '../engagement/index.ts'
import type { Story } from './story.ts'

export type DemoEngagement = Pick<EngagementStore, 'setLike' | 'addComment'>

/** Under way at once: a node is busy with fewer, and a laptop lives with as many. */
const AT_ONCE = 64

/** May be repeated: every write is conditional. @param onProgress told how many are written */
export async function storeEngagement(
  { likes, comments }: Pick<Story, 'likes' | 'comments'>,
  store: DemoEngagement,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const total = likes.length + comments.length
  const liked = likes.map(({ post, person, atMs }) => async () => {
    const { postId } = post
    const version = likeVersion(atMs, 'liked')
    await store.setLike({ postId, userId: person.userId, state: 'liked', at: atMs, version })
  })
  // Those at the top first: a reply is to something.
  const inOrder = [...comments].sort((a, b) => Number(a.parentId !== null) - Number(b.parentId !== null))
  const said = inOrder.map(({ post, person, ...comment }) => async () => {
    await store.addComment({ ...comment, postId: post.postId, userId: person.userId })
  })
  const writes = [...liked, ...said]
  for (let at = 0; at < total; at += AT_ONCE) {
    const some = writes.slice(at, at + AT_ONCE)
    await Promise.all(some.map((write) => write()))
    onProgress(at + some.length, total)
  }
}

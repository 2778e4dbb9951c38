/**
 * Hybrid fan-out (docs/correctness.md, B). Authors below the celebrity line are pushed into their followers' timelines;
 * above it their posts lie in author:<a> and readers merge them. Every method may run twice.
 */
import { type EventData, makeEvent, type TidelineEvent } from '#core/events.ts'
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import { type Clock, type Id, idMs, type Random } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import { addToAuthorList, announce, deleteOwnPost, pushPost, trimAuthorList, writePost } from '#core/timeline/index.ts'
import { forEachPage } from './pages.ts'
import { pushToPage, removeFromPage } from './push.ts'
import type { FanoutStore, FanoutTarget } from './store.ts'

export interface FanoutNeeds {
  store: FanoutStore
  redis: RedisPort
  policy: FanoutPolicy
  clock: Clock
  random: Random
  /** Pages of large fan-outs go through the log, so that they run side by side and survive a crash. */
  publish(events: readonly TidelineEvent[]): Promise<void>
  underLoad(): boolean
  /** Told when a page is through: milliseconds from the accepted post to its last timeline. */
  observe(result: { acceptedMs: number; doneMs: number; pushed: number; inactive: number; shed: number }): void
}

export interface FanoutService {
  postCreated(post: Id): Promise<void>
  postDeleted(post: Id): Promise<void>
  page(page: EventData<'fanout.page'>): Promise<void>
}

/** One post in this many looks at the length of its author's list. */
const AUTHOR_TRIM_SAMPLE = 16

export function fanoutService(needs: FanoutNeeds): FanoutService {
  const { store, redis, policy, clock, random } = needs

  /** What readers of every kind need: the hash, the author's list, the author's own timeline; and word to isolates. */
  async function writeForReaders({ post, hasCrossed }: FanoutTarget): Promise<void> {
    await redis.pipeline([
      ...writePost(post),
      ...addToAuthorList(post.userId, post.id),
      ...pushPost([post.userId], post.id),
      ...(hasCrossed ? announce([{ kind: 'celebrity-post', author: post.userId, post: post.id }], clock()) : []),
      ...(random() * AUTHOR_TRIM_SAMPLE < 1 ? [trimAuthorList(post.userId, policy)] : []),
    ])
  }

  async function pushPage(followers: readonly Id[], post: Id, acceptedMs: number): Promise<void> {
    const result = await pushToPage(needs, followers, post)
    needs.observe({ acceptedMs, doneMs: clock(), ...result })
  }

  /** Cuts a large fan-out into messages, each with a key of its own so that they spread over the partitions. */
  async function publishPages(author: Id, post: Id, op: 'add' | 'remove'): Promise<void> {
    let after: Id = '0'
    const pages: TidelineEvent[] = []
    for (const through of await store.pageEnds(author, policy.followersPerPage)) {
      const data = { postId: post, userId: author, after, through, op, acceptedMs: idMs(post) }
      const id = `fanout.page:${op}:${post}:${after}`
      pages.push(makeEvent({ type: 'fanout.page', key: `${post}:${after}`, actor: author, data, id }, clock, random))
      after = through
    }
    if (pages.length > 0) await needs.publish(pages)
  }

  async function postCreated(postId: Id): Promise<void> {
    const target = await store.target(postId)
    if (target === null || target.deleted || target.post.awaitsMedia) return
    const author = target.post.userId
    if (target.appliedMode !== 'pull' && target.followerCount > policy.inlineFollowers) {
      // The edge has written for readers already, so pages need not wait until that is repeated.
      await Promise.all([writeForReaders(target), publishPages(author, postId, 'add')])
      return
    }
    await writeForReaders(target)
    if (target.appliedMode === 'pull') return
    await forEachPage(needs, author, (followers) => pushPage(followers, postId, idMs(postId)))
  }

  return {
    postCreated,

    async postDeleted(postId) {
      const target = await store.target(postId)
      if (target === null || !target.deleted) return
      const author = target.post.userId
      await redis.pipeline(deleteOwnPost(author, postId, clock()))
      if (target.followerCount > policy.inlineFollowers) return publishPages(author, postId, 'remove')
      await forEachPage(needs, author, (followers) => removeFromPage(redis, followers, postId))
    },

    async page({ postId, userId, after, through, op, acceptedMs }) {
      if (op === 'remove') {
        const remove = (followers: Id[]) => removeFromPage(redis, followers, postId)
        return forEachPage(needs, userId, remove, { after, through })
      }
      // Asked beside the followers: it hardly ever says no.
      const standing = store.target(postId).then((target) => target !== null && !target.deleted)
      const push = async (followers: Id[]) => {
        if (await standing) await pushPage(followers, postId, acceptedMs)
      }
      await Promise.all([standing, forEachPage(needs, userId, push, { after, through })])
    },
  }
}

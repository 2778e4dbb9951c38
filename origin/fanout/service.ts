/**
 * Hybrid fan-out (docs/correctness.md, B). Authors below the celebrity line are pushed into their followers' timelines;
 * above it their posts lie in author:<a> and readers merge them. Every method may run twice.
 */
import { type EventData, makeEvent, type TidelineEvent } from '#core/events.ts'
import { type Clock, type Id, idMs } from '#core/ids.ts'
import { addToAuthorList, announce, deleteOwnPost, pushPost, trimAuthorList, writePost } from '#core/timeline/index.ts'
import { forEachPage } from './pages.ts'
import { type PushNeeds, pushToPage, removeFromPage } from './push.ts'
import type { FanoutStore, FanoutTarget } from './store.ts'

export interface FanoutNeeds extends PushNeeds {
  store: FanoutStore
  clock: Clock
  /** Pages of large fan-outs go through the log, so that they run side by side and survive a crash. */
  publish(events: readonly TidelineEvent[]): Promise<void>
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
/** Messages of a fan-out that are made and published at once: a hundred thousand followers of however many. */
const PAGES_AT_ONCE = 100
/** Clocks of the edge and of Postgres differ by less: an id may say a little later than it was made. */
const CLOCKS_DIFFER_MS = 60_000

export function fanoutService(needs: FanoutNeeds): FanoutService {
  return {
    postCreated: (post) => fanOut(needs, post),
    postDeleted: (post) => takeBack(needs, post),
    page: (page) => handlePage(needs, page),
  }
}

async function fanOut(needs: FanoutNeeds, postId: Id): Promise<void> {
  const { store, policy } = needs
  const target = await store.target(postId)
  if (target === null || target.deleted || target.post.awaitsMedia) return
  const author = target.post.userId
  if (target.appliedMode !== 'pull' && target.followerCount > policy.inlineFollowers) {
    // The edge has written for readers already, so pages need not wait until that is repeated.
    await Promise.all([writeForReaders(needs, target), publishPages(needs, author, postId, 'add')])
    return
  }
  await writeForReaders(needs, target)
  if (target.appliedMode === 'pull') return
  const page = { postId, acceptedMs: idMs(postId) }
  await forEachPage(needs, author, (followers) => pushPage(needs, followers, page, 'small'))
}

async function takeBack(needs: FanoutNeeds, postId: Id): Promise<void> {
  const { store, redis, policy, clock } = needs
  const target = await store.target(postId)
  if (target === null || !target.deleted) return
  const author = target.post.userId
  await redis.pipeline(deleteOwnPost(author, postId, clock()))
  if (wasOnlyPulled(target)) return
  if (target.followerCount > policy.inlineFollowers) return publishPages(needs, author, postId, 'remove')
  await forEachPage(needs, author, (followers) => removeFromPage(needs, followers, postId))
}

/**
 * A post made after fan-out had heard that its author is pulled, and since then the author has not begun to cross back: no
 * push and no repair laid it into timelines. A reader may have brought it there in rebuilding one; there it is passed over, as
 * any id of a post that is deleted, and goes with the next trim or rebuild.
 */
function wasOnlyPulled({ post, pulledSinceMs }: FanoutTarget): boolean {
  return pulledSinceMs !== null && idMs(post.id) > pulledSinceMs + CLOCKS_DIFFER_MS
}

async function handlePage(needs: FanoutNeeds, page: EventData<'fanout.page'>): Promise<void> {
  const { postId, userId, after, through, op } = page
  if (op === 'remove') {
    const remove = (followers: Id[]) => removeFromPage(needs, followers, postId)
    return forEachPage(needs, userId, remove, { after, through })
  }
  const push = (followers: Id[]) => pushPage(needs, followers, page, 'page')
  await forEachPage(needs, userId, push, { after, through, post: postId })
}

/** What readers of every kind need: the post, the author's list, the author's own timeline; and word to isolates. */
async function writeForReaders(needs: FanoutNeeds, { post, hasCrossed }: FanoutTarget): Promise<void> {
  const { redis, policy, clock, random } = needs
  await redis.pipeline([
    ...writePost(post),
    ...addToAuthorList(post.userId, post.id),
    ...pushPost([post.userId], post.id),
    ...(hasCrossed ? announce([{ kind: 'celebrity-post', author: post.userId, post: post.id }], clock()) : []),
    ...(random() * AUTHOR_TRIM_SAMPLE < 1 ? [trimAuthorList(post.userId, policy)] : []),
  ])
}

async function pushPage(
  needs: FanoutNeeds,
  followers: readonly Id[],
  { postId, acceptedMs }: Pick<EventData<'fanout.page'>, 'postId' | 'acceptedMs'>,
  size: 'small' | 'page',
): Promise<void> {
  const result = await pushToPage(needs, followers, postId, size)
  needs.observe({ acceptedMs, doneMs: needs.clock(), ...result })
}

/**
 * Cuts a large fan-out into messages, each with a key of its own so that they spread over the partitions. Published while
 * followers are read, so that neither a statement nor this process holds all of them.
 */
async function publishPages(needs: FanoutNeeds, author: Id, post: Id, op: 'add' | 'remove'): Promise<void> {
  const { store, policy, clock, random } = needs
  for (let after: Id = '0'; ; ) {
    const ends = await store.pageEnds(author, after, policy.followersPerPage, PAGES_AT_ONCE)
    const pages = ends.map((through, i) => {
      const from = ends[i - 1] ?? after
      const data = { postId: post, userId: author, after: from, through, op, acceptedMs: idMs(post) }
      const id = `fanout.page:${op}:${post}:${from}`
      return makeEvent({ type: 'fanout.page', key: `${post}:${from}`, actor: author, data, id }, clock, random)
    })
    if (pages.length > 0) await needs.publish(pages)
    if (pages.length < PAGES_AT_ONCE) return
    after = ends.at(-1) ?? after
  }
}

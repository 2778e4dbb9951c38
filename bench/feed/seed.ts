/** Fills Redis as fan-out, hydration and the nightly job would have: warm readers, posts, people, counts, candidates. */
import { addSeen, emptySeen, FEED_POLICY, formatSeen, type SlateEntry } from '#core/feed/index.ts'
import { createIdFactory, type Id, idMs } from '#core/ids.ts'
import { keys, MARK, SENTINEL } from '#core/keys.ts'
import type { Command, RedisPort } from '#core/redis.ts'
import { type PostRecord, type UserRecord, writePost, writeUser } from '#core/timeline/index.ts'
import { seededRandom } from '../random.ts'
import type { Graph } from './graph.ts'

const POSTS_EACH = 10
const DAYS = 3
const DAY_MS = 86_400_000
/** What every post says and shows. */
export const EVERY_POST = Object.freeze({
  caption: `${'An evening at the sea. '.repeat(7)}#sea #sun`,
  hashtags: ['sea', 'sun'],
  image: { width: 1080, height: 1350, alt: 'A photo of the sea at dusk' },
})

export interface Seeded {
  people: Id[]
  /** postedAtMs[i]: the instants of person i's posts. */
  postedAtMs: number[][]
}

export async function seedRedis(redis: RedisPort, graph: Graph, nowMs: number): Promise<Seeded> {
  const random = seededRandom(7)
  let at = nowMs
  const ids = createIdFactory(() => at, random)
  const people = Array.from({ length: graph.people }, () => ids.next(ids.randomShard()))
  const authored = people.map((userId) =>
    Array.from({ length: POSTS_EACH }, () => {
      at = nowMs - Math.floor(random() * DAYS * DAY_MS)
      return { id: createIdFactory(() => at, random).next(Number((BigInt(userId) >> 10n) & 0x1fffn)), userId }
    }),
  )
  const send = batches(redis)
  for (const [i, userId] of people.entries()) {
    await send([...writeUser(personOf(userId, i), 1)])
    for (const post of authored[i] ?? []) await send(postCommands(post, random))
  }
  const all = authored.flat()
  for (const [i, userId] of people.entries()) {
    const followees = [...(graph.followees[i] ?? []), i]
    const pushed = followees.flatMap((j) => authored[j] ?? []).sort((a, b) => Number(BigInt(b.id) - BigInt(a.id)))
    await send(
      readerCommands({ user: userId, pushed: pushed.slice(0, 800), draw: drawFrom(all, random) }, random, nowMs),
    )
  }
  await send([slateCommand(all.slice(0, 6))], true)
  return { people, postedAtMs: authored.map((posts) => posts.map(({ id }) => idMs(id))) }
}

/** A post's place: its id and its author. */
export interface SeedPost {
  id: Id
  userId: Id
}

const drawFrom = (all: readonly SeedPost[], random: () => number) => () =>
  all[Math.floor(random() * all.length)]?.id ?? '0'

/** The sponsored candidates that every reader is shown. */
export function slateCommand(posts: readonly SeedPost[]): Command {
  const slate: SlateEntry[] = posts.map((post, i) => ({
    ...{ campaignId: String(i + 1), postId: post.id, authorId: post.userId },
    ...{ bidCents: 100 + i, perPersonPerDay: 1_000_000, hashtags: ['sea'] },
  }))
  return ['SET', keys.adsSlate(), JSON.stringify(slate)]
}

/** A person, by a running number. */
export const personOf = (id: Id, i: number): UserRecord => ({
  id,
  username: `person${i}`,
  displayName: `Person ${i}`,
  avatar: `media/${id}/a.jpg`,
  isPrivate: false,
})

export function recordOf(post: SeedPost): PostRecord {
  const media = [
    {
      mediaId: post.id,
      type: 'image' as const,
      key: `media/${post.id}/0123456789abcdef.jpg`,
      ...EVERY_POST.image,
      blur: '1QcSHQRnh493V4dIh4eXh1h4kJUI',
    },
  ]
  const { caption, hashtags } = EVERY_POST
  return { ...post, caption, media, hashtags, version: 1, awaitsMedia: false }
}

/** A post and its counts. It lives for about an hour: longer than a bench runs. */
export function postCommands(post: SeedPost, random: () => number): Command[] {
  const counts = { likes: Math.floor(random() * 200), comments: Math.floor(random() * 20) }
  return [...writePost(recordOf(post), counts), ['SET', keys.counts(post.id), `${counts.likes}:${counts.comments}`]]
}

export interface SeedReader {
  user: Id
  /** What fan-out has pushed, newest first. */
  pushed: readonly { id: Id }[]
  /** Celebrities followed: read from their own lists. */
  celebrities?: readonly Id[]
  /** Any post: what is recommended to this reader. */
  draw(): Id
}

/** A warm reader with everything that a feed reads: timeline, hidden, celebrities, likes, candidates, impressions. */
export function readerCommands(
  { user, pushed, celebrities = [], draw }: SeedReader,
  random: () => number,
  nowMs: number,
): Command[] {
  const liked = pushed.filter(() => random() < 0.1).slice(0, 80)
  const seen = addSeen(
    emptySeen(nowMs),
    pushed.filter(() => random() < 0.2).map((post) => post.id),
    nowMs,
  )
  const candidates = Array.from({ length: FEED_POLICY.recommendedCandidates }, draw)
  return [
    ['ZADD', keys.timeline(user), 0, MARK, ...pushed.flatMap((post) => [idMs(post.id), post.id])],
    ['SADD', keys.hidden(user), SENTINEL, `m:${draw()}`],
    ['SADD', keys.celebs(user), SENTINEL, SENTINEL + nowMs, ...celebrities],
    ['ZADD', keys.liked(user), 0, MARK, ...liked.flatMap((post) => [nowMs - 1000, post.id])],
    ['ZADD', keys.rec(user), 0, SENTINEL, ...candidates.flatMap((id) => [random(), `${id}:recommended`])],
    ['SET', keys.seen(user), formatSeen(seen)],
  ]
}

/** Collects commands into pipelines of a few thousand. */
export function batches(redis: RedisPort): (commands: Command[], flush?: boolean) => Promise<void> {
  let waiting: Command[] = []
  return async (commands, flush = false) => {
    waiting.push(...commands)
    if (waiting.length < 2_000 && !flush) return
    const sending = waiting
    waiting = []
    await redis.pipeline(sending)
  }
}

/** The stores in memory: each method one atomic commit or read of the primary, as Postgres would have it. */
import type { TidelineEvent } from '#core/events.ts'
import { type Clock, compareIds, type Id, idMs } from '#core/ids.ts'
import type { AuthorMode, FollowedPosts, HiddenReason } from '#core/timeline/index.ts'
import {
  authorPosts,
  followedCelebrities,
  followedPosts,
  hiddenAuthors,
  postsByIds,
  postsOfAuthors,
  usersByIds,
} from '#drizzle/queries/feed.ts'
import { MemoryDatabase } from './memory-database.ts'
import type { PairChange, Truth } from './truth.ts'

interface Post {
  id: Id
  author: Id
  deleted: boolean
}
interface Mode {
  mode: AuthorMode
  appliedMode: AuthorMode
  version: number
  appliedVersion: number
  appliedMs: number
}

const pulledSince = ({ mode, appliedMode, version, appliedVersion, appliedMs }: Mode) =>
  mode === 'pull' && appliedMode === 'pull' && version === appliedVersion ? appliedMs : null

const pairOf = (a: Id, b: Id) => `${a}:${b}`

export function memoryTruth(clock: Clock): Truth {
  const posts = new Map<Id, Post>()
  const follows = new Map<string, PairChange & { endedMs: number }>()
  const inverse = new Map<string, PairChange>()
  const blocks = new Set<string>()
  const modes = new Map<Id, Mode>()
  const purges = new Map<string, { followerId: Id; followeeId: Id; dueMs: number }>()
  let outbox: TidelineEvent[] = []
  let lateMs = 0
  let isAged = false
  const now = () => clock() + lateMs

  const isFollowing = (reader: Id, author: Id) => follows.get(pairOf(reader, author))?.state === 'active'
  const modeOf = (author: Id): Mode =>
    modes.get(author) ?? { mode: 'push', appliedMode: 'push', version: 0, appliedVersion: 0, appliedMs: 0 }
  const newestFirst = (of: (post: Post) => boolean, limit: number): Post[] =>
    [...posts.values()]
      .filter((post) => !post.deleted && of(post))
      .sort((a, b) => compareIds(b.id, a.id))
      .slice(0, limit)
  const newest = (of: (post: Post) => boolean, limit: number): FollowedPosts => {
    const entries = newestFirst(of, limit).map(({ id }) => ({ id, ms: idMs(id) }))
    return { entries, complete: entries.length < limit }
  }
  const followersOf = (author: Id) =>
    [...inverse.values()]
      .filter((row) => row.followeeId === author && row.state === 'active')
      .map((row) => row.followerId)
      .sort(compareIds)
  const end = (reader: Id, author: Id): PairChange | null => {
    const row = follows.get(pairOf(reader, author))
    if (row?.state !== 'active') return null
    const next = { ...row, state: 'removed' as const, version: row.version + 1, endedMs: now() }
    follows.set(pairOf(reader, author), next)
    return next
  }

  function hiddenFrom(reader: Id): { reason: HiddenReason; author: Id }[] {
    const hidden: { reason: HiddenReason; author: Id }[] = []
    for (const key of blocks) {
      const [user, target] = key.split(':') as [Id, Id]
      if (user === reader) hidden.push({ reason: 'b', author: target })
      if (target === reader) hidden.push({ reason: 'b', author: user })
    }
    for (const row of follows.values()) {
      if (row.followerId !== reader || row.state !== 'removed') continue
      const key = pairOf(reader, row.followeeId)
      const isRecent = now() - row.endedMs < 15 * 60_000
      if (isRecent || purges.has(key) || inverse.get(key)?.state === 'active') {
        hidden.push({ reason: 'u', author: row.followeeId })
      }
    }
    return hidden
  }
  const places = (of: (post: Post) => boolean, limit: number, below: Id | null = null) =>
    newestFirst((post) => of(post) && (below === null || compareIds(post.id, below) < 0), limit).map(
      ({ id, author }) => ({ post_id: id, user_id: author }),
    )
  const followedBy =
    (reader: Id) =>
    ({ author }: Post) =>
      author === reader || isFollowing(reader, author)
  const edge = new MemoryDatabase()
    .teach(hiddenAuthors, ['reader'], hiddenFrom)
    .teach(followedCelebrities, ['reader'], (reader) =>
      [...modes]
        .filter(([author, { mode }]) => isFollowing(reader, author) && (mode !== 'push' || !isAged))
        .map(([author]) => ({ author })),
    )
    .teach(postsByIds, [['ids']], (ids) => ids.flatMap((id) => posts.get(id) ?? []).map(postRow))
    .teach(usersByIds, [['ids']], (ids) => ids.map(userRow))
  for (const below of ['below', null]) {
    edge
      .teach(followedPosts, ['reader', -1, below], (reader, limit, end = null) =>
        places(followedBy(reader), limit, end),
      )
      .teach(authorPosts, ['author', -1, 'from', below], (author, limit, from = '0', end = null) =>
        places((post) => post.author === author && compareIds(post.id, from) >= 0, limit, end),
      )
      .teach(postsOfAuthors, [['authors'], -1, below], (authors, limit, end = null) =>
        places((post) => authors.includes(post.author), limit, end),
      )
  }

  return {
    edge,
    graph: {
      async applyFollow({ followerId, followeeId, state, version }) {
        const key = pairOf(followerId, followeeId)
        if (state !== 'requested' && (inverse.get(key)?.version ?? -1) < version) {
          inverse.set(key, { followerId, followeeId, state, version })
        }
        const row = inverse.get(key)!
        return { state: row.state, version: row.version, followerCount: followersOf(followeeId).length }
      },
      authorPosts: async (author, from, limit) =>
        newest((post) => post.author === author && compareIds(post.id, from) >= 0, limit),
      relations: async (a, b) => ({ blocked: blocks.has(pairOf(a, b)) || blocks.has(pairOf(b, a)), muted: false }),
      async schedulePurge(followerId, followeeId, afterMs) {
        purges.set(pairOf(followerId, followeeId), { followerId, followeeId, dueMs: now() + afterMs })
      },
      async takeDuePurges(limit, leaseMs) {
        const due = [...purges.values()].filter((purge) => purge.dueMs <= now()).slice(0, limit)
        for (const purge of due) purge.dueMs = now() + leaseMs
        return due.map(({ followerId, followeeId, dueMs }) => ({ followerId, followeeId, lease: String(dueMs) }))
      },
      async finishPurge({ followerId, followeeId, lease }) {
        const key = pairOf(followerId, followeeId)
        if (String(purges.get(key)?.dueMs) === lease) purges.delete(key)
      },
      postsBy: async (author, among) => among.filter((id) => posts.get(id)?.author === author),
      standing: async (reader, author) => ({
        following: isFollowing(reader, author),
        ended: inverse.get(pairOf(reader, author))?.state !== 'active',
        mode: modeOf(author).mode,
      }),
    },
    fanout: {
      async target(id) {
        const post = posts.get(id)
        if (post === undefined) return null
        return {
          post: { ...CONTENT, id, userId: post.author },
          deleted: post.deleted,
          followerCount: followersOf(post.author).length,
          appliedMode: modeOf(post.author).appliedMode,
          hasCrossed: modes.has(post.author),
          pulledSinceMs: pulledSince(modeOf(post.author)),
        }
      },
      followers: async (author, after, limit, { through, post } = {}) =>
        followersOf(author)
          .filter((id) => compareIds(id, after) > 0 && (through === undefined || compareIds(id, through) <= 0))
          .filter(() => post === undefined || posts.get(post)?.deleted === false)
          .slice(0, limit),
      async pageEnds(author, after, size, pages) {
        const all = followersOf(author)
          .filter((id) => compareIds(id, after) > 0)
          .slice(0, size * pages)
        return all.filter((_, i) => (i + 1) % size === 0 || i === all.length - 1)
      },
      hotReaders: async (readers, limit) =>
        new Set(
          readers.filter(
            (reader) =>
              [...inverse.values()].filter((row) => row.followerId === reader && row.state === 'active').length > limit,
          ),
        ),
      authorPosts: async (author, limit) => newest((post) => post.author === author, limit),
      mode: async (author) => ({ ...modeOf(author) }),
      async changeMode(author, from, to, event) {
        const former = modeOf(author)
        if (former.mode !== from) return false
        const version = former.version + 1
        modes.set(author, { ...former, mode: to, version })
        outbox.push({ ...event, data: { ...event.data, version } })
        return true
      },
      async applyMode(author, mode, version) {
        const former = modeOf(author)
        if (former.appliedVersion < version)
          modes.set(author, { ...former, appliedMode: mode, appliedVersion: version, appliedMs: now() })
      },
    },
    async commitPost(author, id) {
      posts.set(id, { id, author, deleted: false })
    },
    async commitDelete(_, id) {
      posts.get(id)!.deleted = true
    },
    async commitFollow(followerId, followeeId) {
      const key = pairOf(followerId, followeeId)
      const former = follows.get(key)
      if (former?.state === 'active' || blocks.has(pairOf(followeeId, followerId)) || blocks.has(key)) return null
      const version = (former?.version ?? 0) + 1
      const row = { followerId, followeeId, state: 'active' as const, version, endedMs: 0 }
      follows.set(key, row)
      return row
    },
    commitUnfollow: async (reader, author) => end(reader, author),
    async commitBlock(user, target, active) {
      if (!active) {
        blocks.delete(pairOf(user, target))
        return []
      }
      blocks.add(pairOf(user, target))
      return [end(user, target), end(target, user)].filter((row) => row !== null)
    },
    async takeOutbox() {
      const taken = outbox
      outbox = []
      return taken
    },
    followerCount: async (author) => followersOf(author).length,
    async passTime() {
      lateMs += 61_000
      isAged = true
    },
    openPurges: async () => purges.size,
  }
}

const CONTENT = { caption: '', media: [], hashtags: [], version: 1, awaitsMedia: false }
const postRow = ({ id, author, deleted }: Post) => ({
  ...{ post_id: id, user_id: author, caption: '', media_urls: [], hashtags: [], like_count: 0, comment_count: 0 },
  ...{ version: 1, state: 'visible', deleted },
})
const userRow = (id: Id) => ({
  ...{ user_id: id, username: `u${id}`, display_name: '', profile_image_url: null, is_private: false, version: 1 },
})

/** Writers that go on while a range moves, and the log of what they were told. */
import { createIdFactory, type Id, idShard } from '#core/ids.ts'
import type { ShardRange } from '#core/shard-map.ts'
import { type Database, sqlState, UNIQUE_VIOLATION } from '#drizzle/database.ts'
import { countEngagement } from '#drizzle/queries/affinities.ts'
import { storeCounts } from '#drizzle/queries/engagement.ts'
import { applyFollow } from '#drizzle/queries/fanout.ts'
import { postsByIds } from '#drizzle/queries/feed.ts'
import { type FollowRow, follow, unfollow } from '#drizzle/queries/graph.ts'
import { findIdempotent, forgetExpired } from '#drizzle/queries/idempotency.ts'
import { insertNotification } from '#drizzle/queries/notifications.ts'
import {
  type CreatedPostRow,
  createPost,
  type DeletedPostRow,
  deletePost,
  rememberPost,
} from '#drizzle/queries/posts.ts'

interface Post {
  id: Id
  author: Id
  deleted: boolean
  likes: number
}

/** What the writers were told. */
export interface Told {
  posts: Map<Id, Post>
  /** By `follower:followee`. */
  follows: Map<string, { follower: Id; followee: Id; state: string; version: number }>
  events: Set<string>
  keys: Map<string, { user: Id; post: Id }>
  notifications: Map<string, Id>
  affinities: Map<string, { user: Id; author: Id; weight: number }>
}

export interface Load {
  readonly told: Told
  /** Writes that were acknowledged; milliseconds of each. */
  readonly writes: { at: number; ms: number; moving: boolean }[]
  /** Reads of what had been acknowledged, through another process's map. */
  reads: number
  readonly faults: string[]
  stop(): Promise<void>
}

const ids = createIdFactory(Date.now, Math.random)
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** Writes that begin a second; they overlap as they like. */
const RATE = 150
const TICK_MS = 40

/**
 * @param people some in the range, some beside it, some in the other database
 * @param reader another process: it has a map of its own
 */
export function startLoad(database: Database, reader: Database, people: readonly Id[], range: ShardRange): Load {
  const told: Told = {
    ...{ posts: new Map(), follows: new Map(), events: new Set(), keys: new Map() },
    ...{ notifications: new Map(), affinities: new Map() },
  }
  const load = { told, writes: [] as Load['writes'], reads: 0, faults: [] as string[] }
  const isMoving = (id: Id) => idShard(id) >= range.first && idShard(id) <= range.last
  const busy = new Set<string>()
  const inFlight = new Set<Promise<void>>()
  const begin = (write: Write) => {
    // One after the other for one row: what the log says of it is then the order of its changes.
    if (write === IDLE || write.rows.some((row) => busy.has(row))) return false
    for (const row of write.rows) busy.add(row)
    const at = Date.now()
    const running = write
      .run()
      .then(
        () => void load.writes.push({ at, ms: Date.now() - at, moving: write.owners.some(isMoving) }),
        (error: unknown) => void load.faults.push(`${write.kind}: ${String((error as Error).cause ?? error)}`),
      )
      .finally(() => {
        for (const row of write.rows) busy.delete(row)
        inFlight.delete(running)
      })
    inFlight.add(running)
    return true
  }
  const read = async () => {
    const posts = [...told.posts.values()].slice(-20)
    if (posts.length === 0) return
    const rows = await reader.query<{ post_id: Id; deleted: boolean }>(postsByIds(posts.map(({ id }) => id)))
    load.reads += rows.length
    if (rows.length !== posts.length) load.faults.push(`read: ${rows.length} of ${posts.length} posts`)
  }
  const tick = setInterval(() => {
    const context = { database, told, people }
    let wanted = (RATE * TICK_MS) / 1_000
    for (let tries = 0; wanted > 0 && tries < 50; tries++) if (begin(pick(WRITES)(context))) wanted--
    const reading = read().catch((error: unknown) => void load.faults.push(`read: ${String(error)}`))
    inFlight.add(reading)
    void reading.finally(() => inFlight.delete(reading))
  }, TICK_MS)
  return Object.assign(load, {
    async stop() {
      clearInterval(tick)
      await Promise.all(inFlight)
    },
  })
}

interface Write {
  kind: string
  owners: Id[]
  /** What it changes. */
  rows: string[]
  run(): Promise<void>
}

interface Context {
  database: Database
  told: Told
  people: readonly Id[]
}

const IDLE: Write = { kind: 'nothing', owners: [], rows: [], run: async () => {} }

/** A post under an idempotency key; every third request comes twice, as from a client that lost the answer. */
function posts({ database, told, people }: Context): Write {
  const author = pick(people)
  const request = { userId: author, key: `key-${ids.next(0)}`, requestHash: 'hash' }
  const send = async () => {
    const postId = ids.next(idShard(author))
    const post = { postId, userId: author, caption: 'a', hashtags: [], mediaIds: [], traceparent: null }
    try {
      const results = await database.batch([forgetExpired(request), createPost(post), rememberPost(request, postId)])
      const [row] = results[1] as unknown as CreatedPostRow[]
      if (row === undefined) throw new Error('no post was made')
      told.events.add(row.event.id)
      return postId
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error
      const [kept] = await database.query<{ response: { post_id: Id } }>(findIdempotent(request))
      if (kept === undefined) throw new Error('the key is there and not there')
      return kept.response.post_id
    }
  }
  return {
    ...{ kind: 'post', owners: [author], rows: [`post count:${author}`] },
    async run() {
      const id = await send()
      if (Math.random() < 1 / 3 && (await send()) !== id) throw new Error('a repetition made another post')
      told.keys.set(request.key, { user: author, post: id })
      told.posts.set(id, { id, author, deleted: false, likes: 0 })
    },
  }
}

function deletes({ database, told }: Context): Write {
  const post = pick([...told.posts.values()])
  if (post === undefined) return IDLE
  return {
    ...{ kind: 'delete', owners: [post.author], rows: [post.id] },
    async run() {
      const [row] = await database.query<DeletedPostRow>(deletePost(post.id, post.author, null))
      if (row === undefined) throw new Error('the post is not there')
      told.events.add(row.event.id)
      post.deleted = true
    },
  }
}

/** A follow or its end, then what the graph tier makes of its event, twice now and then. */
function follows({ database, told, people }: Context): Write {
  const [follower, followee] = [pick(people), pick(people)]
  const name = `${follower}:${followee}`
  if (follower === followee) return IDLE
  return {
    ...{ kind: 'follow', owners: [follower, followee], rows: [name] },
    async run() {
      const stands = told.follows.get(name)?.state === 'active'
      const [row] = await database.query<FollowRow>((stands ? unfollow : follow)(follower, followee, null))
      if (row === undefined) throw new Error('nobody there to follow')
      told.events.add(row.event.id)
      told.follows.set(name, { follower, followee, state: row.state, version: Number(row.version) })
      for (let i = Math.random() < 0.2 ? 2 : 1; i > 0; i--) await database.batch(applyFollow(row.event.data))
    },
  }
}

/** What likes leave in Postgres: the post's count, the reader's affinity, the author's notification. */
function likes({ database, told, people }: Context): Write {
  const post = pick([...told.posts.values()])
  const reader = pick(people)
  if (post === undefined) return IDLE
  const dedupeKey = `like:${post.id}:${reader}`
  const pair = `${reader}>${post.author}`
  return {
    ...{ kind: 'like', owners: [post.author, reader], rows: [`likes:${post.id}`, `affinity:${pair}`] },
    async run() {
      const likes = post.likes + 1
      await database.query(storeCounts([{ postId: post.id, likes, comments: 0 }]))
      post.likes = likes
      const affinity = told.affinities.get(pair) ?? { user: reader, author: post.author, weight: 0 }
      const version = affinity.weight + 2
      for (let i = 0; i < 2; i++) await database.query(countEngagement(reader, post.author, version))
      // The first makes the row with the weight 1.
      told.affinities.set(pair, { ...affinity, weight: affinity.weight + 1 })
      const notification = {
        ...{ notificationId: ids.next(idShard(post.author)), userId: post.author, kind: 'like' as const },
        ...{ actorId: reader, subjectId: post.id, dedupeKey, createdMs: Date.now() },
      }
      await database.query(insertNotification(notification))
      told.notifications.set(dedupeKey, post.author)
    },
  }
}

const WRITES = [posts, posts, deletes, follows, follows, likes]

/** Hydration: the posts that the isolate does not hold, from Redis in one pipeline, and what Redis lost from Postgres. */
import { type FeedPost, feedPost } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { type Command, RedisAwayError, type Reply } from '#core/redis.ts'
import {
  type Counts,
  DELETED,
  type PostRecord,
  parseCounts,
  parsePost,
  parseUser,
  readCounts,
  readPosts,
  readUser,
  type UserRecord,
  writeDeletedPost,
  writePost,
  writeUser,
} from '#core/timeline/index.ts'
import {
  type PostRow,
  postRecord,
  postsByIds,
  userRecord,
  usersByIds,
  type VersionedUserRow,
} from '#drizzle/queries/feed.ts'
import type { FeedPorts } from './ports.ts'

const NONE: Counts = Object.freeze({ likes: 0, comments: 0 })

/** Posts at the places of their ids; undefined where an id has none (deleted, unknown). */
export type Hydrated = (FeedPost | undefined)[]

/**
 * Brings the posts together, from the isolate, then Redis, then Postgres. With Postgres away, what Redis does not hold is
 * left out (docs/correctness.md, rule 29).
 * @param ids each once
 * @param authors known to be among the posts' authors: those that the isolate lacks are read in the same pipeline
 * @param posts is filled: what is known is there before the rest, which may come late
 */
export async function hydrate(
  ids: readonly Id[],
  ports: FeedPorts,
  authors: readonly Id[] = [],
  posts: Hydrated = [],
): Promise<Hydrated> {
  const missing: Id[] = []
  const places: number[] = []
  let absent = 0
  ids.forEach((id, place) => {
    const cached = ports.isolate.posts.get(id)
    posts[place] = cached
    if (cached !== undefined) return
    if (ports.isolate.isAbsent(id, ports.clock())) {
      absent++
      return
    }
    missing.push(id)
    places.push(place)
  })
  ports.count('isolate', ids.length - missing.length - absent, missing.length)
  if (missing.length === 0) return posts
  await fetchPosts(missing, authors, ports, (i, post) => {
    ports.isolate.posts.set(post)
    posts[places[i]!] = post
  })
  return posts
}

/** What is known of posts, at the places of their ids; a record that is kept is taken out. */
interface Known {
  records: (PostRecord | undefined)[]
  counts: (Counts | undefined)[]
}

/** @param keep is told the place of an id and its post */
async function fetchPosts(
  ids: readonly Id[],
  likely: readonly Id[],
  ports: FeedPorts,
  keep: (place: number, post: FeedPost) => void,
): Promise<void> {
  const known: Known = { records: [], counts: [] }
  const users = new Map<Id, UserRecord>()
  const unknown = likely.filter((id) => !ports.isolate.users.has(id))
  const commands = [readPosts(ids), readCounts(ids), ...unknown.map(readUser)]
  const replies = await pipelineOrNothing(ports, commands)
  const lost = parsePosts(ids, replies, known)
  ports.count('post', ids.length - lost.length, lost.length)
  const lostUsers = new Set(readUsers(unknown, replies.slice(2), users))
  const keepWhole = async () => {
    const needed = new Set<Id>()
    for (const record of known.records) if (record !== undefined) needed.add(record.userId)
    if (needed.size === 0) return
    const authors = await fetchUsers([...needed], { users, lost: lostUsers }, ports)
    known.records.forEach((record, place) => {
      const author = record === undefined ? undefined : authors.get(record.userId)
      if (record === undefined || author === undefined) return
      keep(place, feedPost(record, author, known.counts[place] ?? NONE, ports.imageBase))
      known.records[place] = undefined
    })
  }
  // Postgres may take longer than a reader waits: what Redis knows does not wait for it.
  if (lost.length > 0) await Promise.all([keepWhole(), fromPostgres(ids, lost, ports, known)])
  await keepWhole()
}

/** Fills in what Redis knows and answers the places of what it does not. */
function parsePosts(ids: readonly Id[], replies: readonly Reply[], known: Known): number[] {
  const lost: number[] = []
  const [texts, counted] = replies.map((reply) => (Array.isArray(reply) ? reply : []))
  ids.forEach((id, place) => {
    const found = parsePost(id, texts?.[place])
    const counts = parseCounts(counted?.[place]) ?? undefined
    known.counts[place] = counts
    if (found === null) lost.push(place)
    else if (found !== DELETED) {
      known.records[place] = found.post
      known.counts[place] = counts ?? found.counts
    }
  })
  return lost
}

/** Fills in the users that Redis knows and answers the others. */
function readUsers(ids: readonly Id[], replies: readonly Reply[], users: Map<Id, UserRecord>): Id[] {
  return ids.filter((id, i) => {
    const user = parseUser(id, replies[i])
    if (user !== null) users.set(id, user)
    return user === null
  })
}

async function fromPostgres(
  all: readonly Id[],
  lost: readonly number[],
  ports: FeedPorts,
  { records, counts }: Known,
): Promise<void> {
  const ids = lost.map((place) => all[place]!)
  const rows = await queryOrNull<PostRow>(ports, () => ports.db.query<PostRow>(postsByIds(ids)))
  if (rows === null) return
  const found = rows.filter((row) => !row.deleted)
  const deleted = rows.filter((row) => row.deleted).map((row) => String(row.post_id))
  noteMissing(
    ids,
    rows.map((row) => String(row.post_id)),
    ports,
  )
  ports.count('postgres', found.length, ids.length - found.length)
  const places = new Map(lost.map((place) => [all[place]!, place]))
  for (const row of found) {
    const record = postRecord(row)
    const place = places.get(record.id)
    if (place === undefined) continue
    records[place] = record
    counts[place] ??= { likes: row.like_count, comments: row.comment_count }
  }
  const countsOf = (row: PostRow) => ({ likes: row.like_count, comments: row.comment_count })
  ports.later(() =>
    ports.redis.pipeline([
      ...found.flatMap((row) => writePost(postRecord(row), countsOf(row))),
      // A tombstone that has ended, of a post that lists still name: nobody asks Postgres again for a while.
      ...deleted.flatMap(writeDeletedPost),
    ]),
  )
}

/** Of these ids Postgres has some: of the others this isolate asks nobody for a moment. */
function noteMissing(asked: readonly Id[], found: readonly Id[], { isolate, clock }: FeedPorts): void {
  const known = new Set(found)
  isolate.noteAbsent(
    asked.filter((id) => !known.has(id)),
    clock(),
  )
}

/** @param asked what Redis has said of some of them already; `users` is completed */
async function fetchUsers(
  ids: readonly Id[],
  { users, lost }: { users: Map<Id, UserRecord>; lost: ReadonlySet<Id> },
  ports: FeedPorts,
): Promise<ReadonlyMap<Id, UserRecord>> {
  const cache = ports.isolate.users
  const unknown = ids.filter((id) => {
    const user = users.get(id) ?? cache.get(id)
    if (user !== undefined) users.set(id, user)
    return user === undefined
  })
  const open = unknown.filter((id) => !lost.has(id))
  const replies = open.length === 0 ? [] : await pipelineOrNothing(ports, open.map(readUser))
  const now = ports.clock()
  const missing = [...unknown.filter((id) => lost.has(id)), ...readUsers(open, replies, users)].filter(
    (id) => !ports.isolate.isAbsent(id, now),
  )
  if (missing.length > 0) {
    const rows = await queryOrNull<VersionedUserRow>(ports, () => ports.db.query<VersionedUserRow>(usersByIds(missing)))
    if (rows === null) return keepUsers(users, cache)
    for (const row of rows) users.set(String(row.user_id), userRecord(row))
    noteMissing(
      missing,
      rows.map((row) => String(row.user_id)),
      ports,
    )
    ports.later(() => ports.redis.pipeline(rows.flatMap((row) => writeUser(userRecord(row), Number(row.version)))))
  }
  return keepUsers(users, cache)
}

function keepUsers(users: Map<Id, UserRecord>, cache: FeedPorts['isolate']['users']): ReadonlyMap<Id, UserRecord> {
  for (const user of users.values()) if (cache.get(user.id) !== user) cache.set(user.id, user)
  return users
}

/** A failing cache is a miss. */
async function pipelineOrNothing(ports: FeedPorts, commands: readonly Command[]): Promise<Reply[]> {
  try {
    return await ports.redis.pipeline(commands)
  } catch (error) {
    if (!(error instanceof RedisAwayError)) throw error
    ports.degraded('redis')
    return []
  }
}

/** Null: it is away, and nobody knows. */
async function queryOrNull<T>(ports: FeedPorts, query: () => Promise<T[]>): Promise<T[] | null> {
  try {
    return await query()
  } catch (error) {
    if (!ports.isAway(error)) throw error
    ports.degraded('postgres')
    return null
  }
}

/** Compares the client's log with what is there: each acknowledged write once, nothing that nobody asked for. */
import { type FeedItem, type Page, type Person, type PostAnswer, walkFeed } from '../../e2e/person.ts'
import { until } from '../../e2e/until.ts'
import type { WriteLog } from './load.ts'
import type { Platform } from './platform.ts'

export interface CheckOptions {
  platform: Platform
  word: string
  log: WriteLog
  /** Follow all authors. */
  followers: readonly Person[]
  /** Everybody who follows or is followed by the log's pairs, and all follows of theirs so far. */
  crowd: readonly Person[]
  follows: ReadonlySet<string>
}

/** What is wrong in a place; empty when nothing is. */
type Check = () => Promise<string[]>

const WITHIN_MS = 120_000

const checksOf = (options: CheckOptions): [place: string, check: Check][] => [
  ['rows of posts', () => postRows(options)],
  ['rows of follows', () => followRows(options)],
  ['counts of followers', () => followerCounts(options)],
  ['likes, comments and their counts', engagementCheck(options)],
  ['pictures', picturesCheck(options)],
  ['feeds', () => feeds(options)],
  ['search index', () => searchIndex(options)],
]

/** What is wrong now, by place. */
export async function faultsIn(options: CheckOptions): Promise<Map<string, string[]>> {
  return look(checksOf(options))
}

/**
 * Asks until all is as it must be, and once more: nothing that comes late doubles or undoes it.
 * @returns milliseconds until it was
 * @throws Error that says for each place what is missing, doubled or wrong
 */
export async function everythingOnce(options: CheckOptions): Promise<number> {
  const began = Date.now()
  let open = checksOf(options)
  let wrong = new Map<string, string[]>()
  await until(
    'every acknowledged write is there once',
    async () => {
      wrong = await look(open)
      open = open.filter(([place]) => wrong.has(place))
      return open.length === 0
    },
    { withinMs: WITHIN_MS, everyMs: 500, explain: () => told(wrong) },
  )
  const settledMs = Date.now() - began
  const after = await faultsIn(options)
  if (after.size > 0) throw new Error(`it was there once, and then was not: ${JSON.stringify(told(after))}`)
  return settledMs
}

async function look(checks: readonly [string, Check][]): Promise<Map<string, string[]>> {
  const wrong = new Map<string, string[]>()
  for (const [place, check] of checks) {
    const found = await check().catch((error: unknown) => [error instanceof Error ? error.message : String(error)])
    if (found.length > 0) wrong.set(place, found)
  }
  return wrong
}

const told = (wrong: ReadonlyMap<string, string[]>) =>
  Object.fromEntries([...wrong].map(([place, found]) => [`${place}: ${found.length}`, found.slice(0, 6)]))

/** What one list has and the other has not, and what stands in the first more than once. */
function differences(found: readonly string[], expected: Iterable<string>, where: string): string[] {
  const [there, asked] = [new Set(found), new Set(expected)]
  const twice = found.filter((each, index) => found.indexOf(each) !== index)
  return [
    ...[...asked].filter((each) => !there.has(each)).map((each) => `${where} lacks ${each}`),
    ...[...there].filter((each) => !asked.has(each)).map((each) => `${where} has ${each}, which nobody asked for`),
    ...twice.map((each) => `${where} has ${each} twice`),
  ]
}

async function postRows({ platform, word, log }: CheckOptions): Promise<string[]> {
  const rows = await platform.sql<{ post_id: string; caption: string; user_id: string }>(
    `SELECT post_id::text, user_id::text, caption FROM posts WHERE caption LIKE $1 AND deleted_at IS NULL`,
    `${word} %`,
  )
  const found = rows.map((row) => `${row.caption} of ${row.user_id}`)
  const wrong = differences(
    found,
    log.posts.map(({ caption, author }) => `${caption} of ${author.id}`),
    'Postgres',
  )
  const ids = new Set(rows.map((row) => row.post_id))
  // A promised id may lead to the post that was kept under another.
  for (const { id, author, caption } of log.posts.filter(({ id }) => !ids.has(id))) {
    const opened = await author.call<PostAnswer>('GET', `/v1/posts/${id}`)
    if (opened.body?.caption !== caption) wrong.push(`${id}, promised for ${caption}, answers ${opened.status}`)
  }
  return wrong
}

async function followRows({ platform, crowd, follows }: CheckOptions): Promise<string[]> {
  const ids = crowd.map(({ id }) => id)
  const [direct, inverse] = await Promise.all(
    ['follows', 'followers'].map((table) =>
      platform.sql<{ pair: string }>(
        `SELECT follower_id || '>' || followee_id AS pair FROM ${table} WHERE follower_id = ANY ($1) AND state = 'active'`,
        ids,
      ),
    ),
  )
  return [
    ...differences(
      // One of two databases is in both of them.
      [...new Set((direct ?? []).map(({ pair }) => pair))],
      follows,
      'follows',
    ),
    ...differences(
      (inverse ?? []).map(({ pair }) => pair),
      follows,
      'followers',
    ),
  ]
}

async function followerCounts({ crowd, follows }: CheckOptions): Promise<string[]> {
  const of = (id: string, side: 0 | 1) => [...follows].filter((pair) => pair.split('>')[side] === id).length
  const wrong = await each(crowd, async (person) => {
    const me = await person.ask<{ followerCount: number; followingCount: number }>('GET', '/v1/me')
    const [followers, following] = [of(person.id, 1), of(person.id, 0)]
    const isRight = me.followerCount === followers && me.followingCount === following
    if (isRight) return []
    return [`${person.username} shows ${me.followerCount}/${me.followingCount}, not ${followers}/${following}`]
  })
  return wrong.flat()
}

/** What is right once is not asked again. */
function engagementCheck({ log, followers: [reader] }: CheckOptions): Check {
  const settled = new Set<string>()
  return async () => {
    const open = log.posts.filter(({ id }) => !settled.has(id))
    const wrong = await each(open, async ({ id }) => {
      if (reader === undefined) return ['nobody reads']
      const likes = [...(log.likes.get(id) ?? [])]
      const comments = log.comments.filter(({ post }) => post === id)
      const shown = await reader.ask<PostAnswer>('GET', `/v1/posts/${id}`)
      const [likers, texts] = await Promise.all([
        all<{ person: { id: string } }>(reader, `/v1/posts/${id}/likes?limit=50`),
        all<{ id: string; body: string; author: { id: string } }>(reader, `/v1/posts/${id}/comments?limit=50`),
      ])
      const counted = [shown.likeCount === likes.length, shown.commentCount === comments.length].every(Boolean)
      const found = [
        ...differences(
          likers.map(({ person }) => person.id),
          likes,
          `likes of ${id}`,
        ),
        ...differences(
          texts.map((text) => `${text.id} ${text.body} of ${text.author.id}`),
          comments.map((text) => `${text.id} ${text.body} of ${text.author}`),
          `comments of ${id}`,
        ),
        ...(counted
          ? []
          : [`${id} counts ${shown.likeCount}/${shown.commentCount}, not ${likes.length}/${comments.length}`]),
      ]
      if (found.length === 0) settled.add(id)
      return found
    })
    return wrong.flat()
  }
}

/** Each is processed, and opens through the image Worker. What is right once is not asked again. */
function picturesCheck({ platform, log }: CheckOptions): Check {
  const settled = new Set<string>()
  return async () => {
    const open = log.posts.filter(({ mediaId }) => mediaId !== undefined && !settled.has(mediaId))
    const wrong = await each(open, async ({ id, author, mediaId = '' }) => {
      const { state } = await author.ask<{ state: string }>('GET', `/v1/media/${mediaId}`)
      const [shown] = (await author.ask<PostAnswer>('GET', `/v1/posts/${id}`)).media
      if (shown?.id !== mediaId) return [`post ${id} does not show ${mediaId}`]
      const opened = await platform.edge.fetch(shown.urls.small, { headers: { accept: 'image/webp' } })
      await opened.body?.cancel()
      if (state !== 'ready' || opened.status !== 200) return [`picture ${mediaId} is ${state}, opens ${opened.status}`]
      settled.add(mediaId)
      return []
    })
    return wrong.flat()
  }
}

async function feeds({ word, log, followers }: CheckOptions): Promise<string[]> {
  const captions = log.posts.map(({ caption }) => caption)
  const wrong = await each(followers, async (reader) => {
    const items: FeedItem[] = await walkFeed(reader, 'mode=following&limit=100')
    const ids = items.map(({ id }) => id)
    const ours = items.filter(({ caption }) => caption.startsWith(`${word} `)).map(({ caption }) => caption)
    const where = `the feed of ${reader.username}`
    return [...differences(ours, captions, where), ...differences(ids, ids, where)]
  })
  return wrong.flat()
}

async function searchIndex({ word, log, followers: [reader] }: CheckOptions): Promise<string[]> {
  if (reader === undefined) return ['nobody reads']
  const found = await all<PostAnswer>(reader, `/v1/search/posts?q=${word}&limit=50`)
  return differences(
    found.map(({ caption }) => caption),
    log.posts.map(({ caption }) => caption),
    'the search',
  )
}

/** Every page of a list. */
async function all<T>(reader: Person, path: string): Promise<T[]> {
  const items: T[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page<T> = await reader.ask('GET', cursor === '' ? path : `${path}&cursor=${cursor}`)
    items.push(...page.items)
    cursor = page.cursor
  }
  return items
}

/** A few at a time. */
async function each<T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let n = 0; n < list.length; n += 6) results.push(...(await Promise.all(list.slice(n, n + 6).map(work))))
  return results
}

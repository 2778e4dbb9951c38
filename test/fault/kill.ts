/**
 * Kill -9 of the origin in the middle of many posts: after the restart every post that was answered 201 or 202 is in
 * every follower's feed exactly once. The Workers and their queues go on; all embedded engines die with the origin.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type FeedItem, makePeople, type Page, type Person, type PostAnswer, walkFeed } from '../e2e/person.ts'
import { until } from '../e2e/until.ts'
import { type Edge, startEdge } from './edge.ts'
import { originPorts, startOriginProcess } from './origin-process.ts'

export interface KillOptions {
  /** `embedded`, or the address of a server that survives the origin. */
  redisUrl: string
  posts: number
  authors: number
  followers: number
  random(): number
}

export interface KillReport {
  /** Posts by what their author was told. */
  created: number
  accepted: number
  /** Requests that failed; the keyed ones were repeated until they did not. */
  failed: number
  /** How many posts had been answered when the kill came. */
  killedAt: number
  /** Milliseconds from the last answer until all feeds were whole. */
  settledMs: number
}

/** What one author was promised. */
interface Promised {
  id: string
  caption: string
  status: number
}

/** Runs one round in a folder of its own. @throws Error that says which post is missing or repeated, and for whom */
export async function killRound(options: KillOptions): Promise<KillReport> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tideline-kill-'))
  const env = { ...(await originPorts()), STATE_DIR: stateDir, REDIS_URL: options.redisUrl }
  let origin = await startOriginProcess(env)
  let edge: Edge | null = null
  try {
    edge = await startEdge(env)
    const { authors, followers } = await populate(edge, options)
    const killAt = Math.floor(options.posts * (0.2 + 0.5 * options.random()))
    const writing = write(authors, options)
    await until('some posts', async () => writing.answered() >= killAt / 2, { everyMs: 1, withinMs: 120_000 })
    await snapshotRedis(options.redisUrl === 'embedded' ? `redis://127.0.0.1:${env.REDIS_PORT}` : options.redisUrl)
    await until('the moment of the kill', async () => writing.answered() >= killAt, { everyMs: 1, withinMs: 120_000 })
    await pause(options.random() * 20)
    await origin.kill()
    const killedAt = writing.answered()
    await pause(options.random() * 1_500)
    origin = await startOriginProcess(env)
    const promises = await writing.done
    const lastAnswer = Date.now()
    for (const follower of followers) await feedIsWhole(follower, promises)
    await onlyWhatWasAsked(authors, promises)
    return {
      created: promises.filter(({ status }) => status === 201).length,
      accepted: promises.filter(({ status }) => status === 202).length,
      failed: writing.failed(),
      killedAt,
      settledMs: Date.now() - lastAnswer,
    }
  } finally {
    await edge?.close()
    await origin.stop()
    rmSync(stateDir, { recursive: true, force: true })
  }
}

/** What is on disk when the kill comes is then older than the last pushes, as it nearly always is. */
async function snapshotRedis(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0 })
  await redis.bgsave()
  redis.disconnect()
}

/** Every follower follows every author and has a warm timeline. */
async function populate(edge: Edge, options: KillOptions): Promise<{ authors: Person[]; followers: Person[] }> {
  const origin = { url: edge.originUrl, serviceToken: edge.config.secrets.SERVICE_TOKEN }
  const authors = await makePeople(origin, edge.fetch, 'author', options.authors)
  const followers = await makePeople(origin, edge.fetch, 'follower', options.followers)
  for (const follower of followers) await Promise.all(authors.map((author) => follower.follow(author)))
  for (const author of authors) {
    await until('every follow has reached the origin', async () => {
      const profile = await author.ask<{ followerCount: number }>('GET', '/v1/me')
      return profile.followerCount === followers.length
    })
  }
  for (const follower of followers) for (let reads = 0; reads < 2; reads++) await follower.feed()
  return { authors, followers }
}

/** All authors post at once. Every second one sends keys and repeats what failed; the others leave it at that. */
function write(authors: readonly Person[], options: KillOptions) {
  const promises: Promised[] = []
  let failed = 0
  async function one(author: Person, caption: string, keyed: boolean): Promise<void> {
    for (;;) {
      const headers: Record<string, string> = keyed ? { 'idempotency-key': caption } : {}
      const answer = await author.call<PostAnswer>('POST', '/v1/posts', { caption }, headers).catch(() => null)
      if (answer !== null && answer.status < 300) {
        promises.push({ id: answer.body.id, caption, status: answer.status })
        // Fewer posts while the origin is away, so that some come while it catches up.
        if (answer.status === 202) await pause(100)
        return
      }
      failed++
      await pause(50)
      if (!keyed) return
    }
  }
  const each = options.posts / authors.length
  const all = authors.map(async (author, a) => {
    for (let n = 0; n < each; n++) await one(author, `post-${a}-${n}`, a % 2 === 0)
  })
  return { done: Promise.all(all).then(() => promises), answered: () => promises.length, failed: () => failed }
}

/** Waits until the feed holds every promised post, none twice. An id promised with 202 may lead to the post kept. */
async function feedIsWhole(reader: Person, promises: readonly Promised[]): Promise<void> {
  let missing: Promised[] = []
  await until(
    `the feed of ${reader.username} is whole`,
    async () => {
      const items = await walkFeed(reader, 'mode=following&limit=100').catch(() => null)
      if (items === null) return false
      assertOnce(items, `the feed of ${reader.username}`)
      const captions = new Set(items.map((item) => item.caption))
      missing = promises.filter(({ caption }) => !captions.has(caption))
      return missing.length === 0
    },
    { withinMs: 120_000, everyMs: 300, explain: () => ({ missing: missing.length, some: missing.slice(0, 5) }) },
  )
}

function assertOnce(items: readonly PostAnswer[], where: string): void {
  for (const field of ['id', 'caption'] as const) {
    const seen = new Set<string>()
    for (const item of items) {
      if (seen.has(item[field])) throw new Error(`${where} has ${item[field]} twice (${item.caption})`)
      seen.add(item[field])
    }
  }
}

/** No request made two posts, and every promised id opens the post that it was given for. */
async function onlyWhatWasAsked(authors: readonly Person[], promises: readonly Promised[]): Promise<void> {
  for (const author of authors) {
    const posts: PostAnswer[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const page: Page<FeedItem> = await author.ask('GET', `/v1/users/${author.id}/posts?limit=100${query}`)
      posts.push(...page.items)
      cursor = page.cursor
    }
    assertOnce(posts, `the list of ${author.username}`)
  }
  const [reader] = authors
  for (const { id, caption } of promises.filter(({ status }) => status === 202)) {
    const post = await reader?.ask<PostAnswer>('GET', `/v1/posts/${id}`)
    if (post?.caption !== caption) throw new Error(`${id} was promised for ${caption}, but opens ${post?.caption}`)
  }
}

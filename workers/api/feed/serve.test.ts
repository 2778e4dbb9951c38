import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { compareIds } from '#core/ids.ts'
import { keys, MARK, SENTINEL } from '#core/keys.ts'
import { announce, writeDeletedPost } from '#core/timeline/index.ts'
import { person } from '../testing.ts'
import { hydrate } from './hydrate.ts'
import { FeedIsolate } from './isolate.ts'
import { awayDb, db, follows, hideFrom, portsFor, posts, readerOf, redis, serve, shown, warmUp } from './testing.ts'

describe('a warm read', () => {
  it('needs one pipeline and no Postgres', async () => {
    const [{ reader }, isolate] = [await readerOf(), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    const ports = portsFor({ isolate, db: awayDb })
    const page = await serve(reader.id, ports)
    expect(page.items).toHaveLength(50)
    expect([ports.pipelines.length, ports.queries, ports.degradedBy]).toEqual([1, 0, []])
  })

  it('needs two when the isolate is new and Redis has everything, authors apart', async () => {
    const [{ reader }, isolate] = [await readerOf(), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    const fresh = new FeedIsolate()
    fresh.deltaDue(Date.now())
    for (const [id, user] of isolate.users) fresh.users.set(id, user)
    const ports = portsFor({ isolate: fresh, db: awayDb })
    expect((await serve(reader.id, ports)).items).toHaveLength(50)
    expect([ports.pipelines.length, ports.queries]).toEqual([2, 0])
  })

  it('carries the delta along once a second, and shows what it says', async () => {
    const [{ reader, all }, isolate] = [await readerOf(2), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    const [gone = '', counted = ''] = all
    let now = Date.now() + 2_000
    await redis.pipeline(
      announce(
        [
          { kind: 'deleted', post: gone },
          { kind: 'counts', post: counted, likes: 77, comments: 5 },
        ],
        Date.now(),
      ),
    )
    await redis.pipeline(writeDeletedPost(gone))
    // The delta rides on one read's pipeline; that read still shows what it had, or the news.
    await serve(reader.id, portsFor({ isolate, clock: () => now }))
    now += 10
    const ports = portsFor({ isolate, clock: () => now })
    const page = await serve(reader.id, ports)
    expect(shown(page)).not.toContain(gone)
    expect(page.items.find((item) => item.post.id === counted)?.post).toMatchObject({ likes: 77, comments: 5 })
    expect(ports.pipelines[0]?.some((command) => command[1] === keys.delta())).toBe(false)
  })
})

describe('a cold read', () => {
  it('is a full page from at most three pipelines, and marks the timeline after the answer', async () => {
    const { reader, all } = await readerOf()
    // Posts that Redis knows; everything of the reader is unknown.
    const other = await person()
    const authors = (await serve(reader.id, portsFor(), { limit: 1 })).items.map((item) => item.post.authorId)
    await follows(other.id, ...authors)
    const ports = portsFor()
    const page = await serve(other.id, ports)
    expect(page.items).toHaveLength(50)
    expect(page.items.every((item) => all.includes(item.post.id))).toBe(true)
    expect(ports.pipelines.length).toBeLessThanOrEqual(3)
    const before = await redis.pipeline([['ZSCORE', keys.timeline(other.id), MARK]])
    expect(before[0]).toBeNull()
    await ports.settle()
    const [floor, hidden] = await redis.pipeline([
      ['ZSCORE', keys.timeline(other.id), MARK],
      ['SISMEMBER', keys.hidden(other.id), SENTINEL],
    ])
    expect([Number(floor), hidden]).toEqual([0, 1])
  })

  it('shows all posts of everyone followed, and of oneself, newest first when asked so', async () => {
    const { reader, all } = await readerOf(5)
    const own = await posts(reader.id, 2)
    const page = await serve(reader.id, portsFor(), { mode: 'following' })
    expect(shown(page)).toEqual([...all, ...own].sort((a, b) => compareIds(b, a)))
    expect(page.cursor).toBeNull()
    expect(page.items.filter((item) => item.candidate.reason === 'own').map((item) => item.post.id)).toEqual(own)
  })

  it('does not mark a timeline whose graph moved meanwhile', async () => {
    const { reader } = await readerOf(2)
    const ports = portsFor()
    await serve(reader.id, ports)
    await redis.pipeline([['INCR', keys.graph(reader.id)]])
    await ports.settle()
    const [floor, hidden] = await redis.pipeline([
      ['ZSCORE', keys.timeline(reader.id), MARK],
      ['EXISTS', keys.hidden(reader.id)],
    ])
    expect([floor, hidden]).toEqual([null, 0])
  })
})

describe('hidden authors', () => {
  it('are shown from no source', async () => {
    const [{ reader, ann, bob }, isolate] = [await readerOf(3), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    await hideFrom(reader.id, ann.id)
    const page = await serve(reader.id, portsFor({ isolate }))
    expect(new Set(page.items.map((item) => item.post.authorId))).toEqual(new Set([bob.id]))
  })

  it('are read from Postgres when Redis does not know them, and no page is served without', async () => {
    const [{ reader }, isolate] = [await readerOf(3), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    await redis.pipeline([['DEL', keys.hidden(reader.id)]])
    await expect(serve(reader.id, portsFor({ isolate, db: awayDb }))).rejects.toThrow('Postgres')
    const ports = portsFor({ isolate })
    expect((await serve(reader.id, ports)).items).toHaveLength(6)
    expect(ports.queries).toBe(1)
  })

  it('without their sentinel count as unknown', async () => {
    const [{ reader, ann }, isolate] = [await readerOf(3), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    await redis.pipeline([
      ['SREM', keys.hidden(reader.id), SENTINEL],
      ['SADD', keys.hidden(reader.id), `m:${ann.id}`],
    ])
    await expect(serve(reader.id, portsFor({ isolate, db: awayDb }))).rejects.toThrow('Postgres')
  })
})

describe('a change that Redis did not take', () => {
  it('is read from Postgres by this isolate, for a while, and put right in Redis', async () => {
    const [{ reader, ann }, isolate] = [await readerOf(3), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    await db.query(sql`INSERT INTO mutes (user_id, target_id) VALUES (${reader.id}::bigint, ${ann.id}::bigint)`)
    const before = await serve(reader.id, portsFor({ isolate }))
    expect(before.items.some((item) => item.post.authorId === ann.id)).toBe(true)
    isolate.distrustHidden(reader.id, Date.now())
    const after = await serve(reader.id, portsFor({ isolate }))
    expect(after.items.some((item) => item.post.authorId === ann.id)).toBe(false)
    expect(after.items.length).toBeGreaterThan(0)
  })
})

describe('a cold reader', () => {
  it('is rebuilt once at a time: two reads get whole pages, one writes the timeline, the other leaves no trace', async () => {
    const { reader, all } = await readerOf(70)
    const [one, other] = [portsFor(), portsFor()]
    const pages = await Promise.all([one, other].map((ports) => serve(reader.id, ports, { mode: 'following' })))
    for (const page of pages) expect(shown(page)).toEqual(all.slice(0, shown(page).length))
    expect(pages.map((page) => page.items.length)).toEqual([50, 50])
    await Promise.all([one.settle(), other.settle()])
    const wrote = [one, other].map(({ pipelines }) => pipelines.flat().some(([name, text]) => isClose(name, text)))
    expect(wrote.sort()).toEqual([false, true])
    const timeline = await redis.pipeline([
      ['ZRANGE', keys.timeline(reader.id), 0, -1],
      ['EXISTS', `rebuild:{${reader.id}}`],
    ])
    expect(timeline).toEqual([expect.arrayContaining([MARK, ...all]), 0])
    expect(String(timeline[0])).not.toContain('?')
  })

  it('is rebuilt by the next read when a rebuild has died and its turn is over', async () => {
    const { reader, all } = await readerOf(3)
    const died = portsFor()
    await serve(reader.id, died)
    const between = portsFor()
    expect((await serve(reader.id, between, { mode: 'following' })).items).toHaveLength(all.length)
    await between.settle()
    expect(await redis.pipeline([['ZSCORE', keys.timeline(reader.id), MARK]])).toEqual([null])
    await redis.pipeline([['DEL', `rebuild:{${reader.id}}`]])
    const next = portsFor()
    await serve(reader.id, next)
    await next.settle()
    expect(await redis.pipeline([['ZSCORE', keys.timeline(reader.id), MARK]])).toEqual(['0'])
  })
})

const isClose = (name: unknown, text: unknown) =>
  name === 'EVAL' && String(text).includes("redis.call('ZREM', KEYS[1], ARGV[1])")

it('has one order and one tag, whatever else an isolate holds of what the reader liked', async () => {
  const [reader, liked, ...others] = await Promise.all(Array.from({ length: 4 }, () => person()))
  if (reader === undefined || liked === undefined) throw new Error('there are four')
  await follows(reader.id, liked.id, ...others.map(({ id }) => id))
  for (const author of others) await posts(author.id, 3)
  await posts(liked.id, 3, { from: 3 })
  const older = await posts(liked.id, 10, { from: 5_000 })
  await redis.pipeline([['ZADD', keys.liked(reader.id), ...older.flatMap((id) => [Date.now(), id])]])
  const now = Date.now()
  const order = async (isolate: FeedIsolate, holds: string[]) => {
    const first = () =>
      serve(reader.id, portsFor({ isolate, clock: () => now, policy: { windowSize: 9 } }), { limit: 9 })
    await first() // An isolate's first read forgets what it holds.
    await hydrate(holds, portsFor({ isolate }))
    return shown(await first())
  }
  expect(await order(new FeedIsolate(), older)).toEqual(await order(new FeedIsolate(), []))
})

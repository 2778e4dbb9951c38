import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { forgetUser, readPost, writeDeletedPost } from '#core/timeline/index.ts'
import { person, services } from '../testing.ts'
import { type Hydrated, hydrate } from './hydrate.ts'
import { FeedIsolate } from './isolate.ts'
import { awayDb, awayRedis, db, portsFor, posts, redis } from './testing.ts'

/** The ids at whose places their posts stand. */
const present = (hydrated: Hydrated, ids: readonly Id[]) => ids.filter((id, i) => hydrated[i]?.id === id)

/** Somebody's posts that a feed has read before, so that Redis has them. */
async function inRedis(count: number) {
  const ann = await person()
  const ids = await posts(ann.id, count)
  const first = portsFor()
  await hydrate(ids, first)
  await first.settle()
  return { ann, ids }
}

describe('hydration', () => {
  it('asks Postgres for what Redis lacks, writes it back, and the next isolate needs Redis only', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 3)
    const first = portsFor()
    const hydrated = await hydrate(ids, first)
    expect(present(hydrated, ids)).toEqual(ids)
    expect(hydrated[0]).toMatchObject({ authorName: ann.username, likes: 3, comments: 1 })
    expect(first.queries).toBe(2)
    await first.settle()

    const second = portsFor({ db: awayDb })
    expect(present(await hydrate(ids, second), ids)).toEqual(ids)
    expect(second).toMatchObject({ queries: 0, degradedBy: [] })
    expect(second.pipelines).toHaveLength(2)
  })

  it('puts each post at its place, whoever has it', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 6)
    const first = portsFor()
    await hydrate([ids[4] ?? '', ids[1] ?? ''], first)
    await first.settle()
    const second = portsFor()
    second.isolate.posts.set((await hydrate([ids[2] ?? ''], portsFor()))[0]!)
    expect(present(await hydrate(ids, second), ids)).toEqual(ids)
    expect(second.queries).toBe(1)
  })

  it('asks Postgres for what is no text of a post, and writes over it', async () => {
    const { ann, ids } = await inRedis(4)
    const whole = String((await redis.pipeline([readPost(ids[0] ?? '')]))[0])
    const spoilt = ['', 'garbage', whole.slice(0, -5)]
    await redis.pipeline(spoilt.map((text, i) => ['SET', keys.post(ids[i] ?? ''), text]))
    const second = portsFor()
    const found = await hydrate(ids, second)
    expect(present(found, ids)).toEqual(ids)
    for (const post of found) expect(JSON.parse(`${post?.json}}`)).toMatchObject({ author: { id: ann.id } })
    await second.settle()
    expect(await redis.pipeline([readPost(ids[0] ?? '')])).toEqual([whole])
  })

  it('asks nobody for what the isolate holds', async () => {
    const [ann, isolate] = [await person(), new FeedIsolate()]
    const ids = await posts(ann.id, 3)
    await hydrate(ids, portsFor({ isolate }))
    const again = portsFor({ isolate, redis: awayRedis, db: awayDb })
    expect(present(await hydrate(ids, again), ids)).toEqual(ids)
    expect([again.pipelines.length, again.queries]).toEqual([0, 0])
  })

  it('reads posts and the authors that are known beforehand in one pipeline', async () => {
    const { ann, ids } = await inRedis(3)
    const second = portsFor()
    expect(present(await hydrate(ids, second, [ann.id]), ids)).toEqual(ids)
    expect(second.pipelines).toHaveLength(1)
  })

  it('believes the rolled-up counts before those of its text', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 2)
    await redis.pipeline([['SET', keys.counts(ids[0] ?? ''), '40:7']])
    const hydrated = await hydrate(ids, portsFor())
    expect(hydrated).toMatchObject([
      { likes: 40, comments: 7 },
      { likes: 3, comments: 1 },
    ])
  })

  it('leaves out deleted posts: by their tombstone without asking, and by their row', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 3)
    await redis.pipeline(writeDeletedPost(ids[0] ?? ''))
    await db.query(sql`UPDATE posts SET deleted_at = now() WHERE post_id = ${ids[1] ?? ''}::bigint`)
    const ports = portsFor()
    expect(present(await hydrate(ids, ports), ids)).toEqual([ids[2]])
    await ports.settle()
    const again = portsFor({ db: awayDb })
    expect(present(await hydrate(ids, again), ids)).toEqual([ids[2]])
    expect(again.degradedBy).toEqual([])
  })

  it('asks Postgres once in five seconds for what it does not have, and believes nothing of the kind while it is away', async () => {
    let now = Date.now()
    const isolate = new FeedIsolate()
    const ask = async (choices: Parameters<typeof portsFor>[0] = {}) => {
      const ports = portsFor({ isolate, clock: () => now, ...choices })
      await hydrate(['7'], ports)
      return ports.queries
    }
    expect([await ask({ db: awayDb }), await ask()]).toEqual([1, 1])
    expect([await ask(), await ask()]).toEqual([0, 0])
    now += 5_000
    expect(await ask()).toBe(1)
  })

  it('asks as seldom for an author that nobody knows', async () => {
    const [ghost, isolate] = [services.ids.next(3), new FeedIsolate()]
    const ids = await posts(ghost, 2)
    const ask = async () => {
      const ports = portsFor({ isolate })
      expect(present(await hydrate(ids, ports), ids)).toEqual([])
      await ports.settle()
      return ports.queries
    }
    expect([await ask(), await ask()]).toEqual([2, 0])
  })

  it('never brings a deleted post back by a write-back that comes late', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 1)
    const late = portsFor()
    await hydrate(ids, late)
    await redis.pipeline(writeDeletedPost(ids[0] ?? ''))
    await late.settle()
    expect(present(await hydrate(ids, portsFor()), ids)).toEqual([])
  })

  it('never brings back who an author was by a write-back that comes late', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 1)
    const late = portsFor()
    await hydrate(ids, late)
    await redis.pipeline([forgetUser(ann.id, 2)])
    await late.settle()
    await db.query(sql`UPDATE users SET username = ${`anew${ann.id}`}, version = 2 WHERE user_id = ${ann.id}::bigint`)
    const hydrated = await hydrate(ids, portsFor())
    expect(hydrated[0]).toMatchObject({ authorName: `anew${ann.id}` })
  })

  it('leaves out ids that nobody knows, and posts of accounts that are gone', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 1)
    await db.query(sql`UPDATE users SET deleted_at = now() WHERE user_id = ${ann.id}::bigint`)
    expect(await hydrate([...ids, '7'], portsFor())).toEqual([...ids, '7'].map(() => undefined))
  })

  it('leaves out what Redis does not hold while Postgres is away, and says so', async () => {
    const ann = await person()
    const known = await posts(ann.id, 2)
    const unknown = await posts(ann.id, 2, { from: 5 })
    const first = portsFor()
    await hydrate(known, first)
    await first.settle()
    const ports = portsFor({ db: awayDb })
    expect(present(await hydrate([...known, ...unknown], ports), [...known, ...unknown])).toEqual(known)
    expect(ports.degradedBy).toEqual(['postgres'])
  })

  it('reads everything from Postgres while Redis is away, and says so', async () => {
    const ann = await person()
    const ids = await posts(ann.id, 2)
    const ports = portsFor({ redis: awayRedis })
    expect(present(await hydrate(ids, ports), ids)).toEqual(ids)
    expect(ports.degradedBy).toContain('redis')
  })
})

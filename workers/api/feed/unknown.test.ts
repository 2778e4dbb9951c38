/** What Redis does not know of a reader, or is about to lose. */
import { describe, expect, it } from 'vitest'
import { compareIds, idMs } from '#core/ids.ts'
import { keys, MARK, SENTINEL } from '#core/keys.ts'
import { person } from '../testing.ts'
import { FeedIsolate } from './isolate.ts'
import {
  awayDb,
  celebrity,
  follows,
  portsFor,
  posts,
  readerOf,
  reasons,
  redis,
  serve,
  shown,
  warmUp,
} from './testing.ts'
import { celebrityLists } from './unknown.ts'

describe('celebrities', () => {
  it('are merged at read time, each post once, also those that were pushed as well', async () => {
    const [{ reader, all }, star, isolate] = [await readerOf(3), await person(), new FeedIsolate()]
    const starred = await posts(star.id, 4)
    await celebrity(star.id)
    await warmUp(reader.id, isolate)
    await follows(reader.id, star.id)
    await redis.pipeline([
      ['SADD', keys.celebs(reader.id), star.id, `${SENTINEL}1:${Date.now()}`],
      ['ZADD', keys.timeline(reader.id), idMs(starred[0] ?? '0'), starred[0] ?? ''],
    ])
    const page = await serve(reader.id, portsFor({ isolate }), { mode: 'following' })
    expect(shown(page).sort(compareIds)).toEqual([...all, ...starred].sort(compareIds))
    expect(reasons(page).filter((reason) => reason === 'celebrity').length).toBeGreaterThanOrEqual(3)
  })

  it('beyond those that are merged one by one are read from Postgres as one list', async () => {
    const star = await person()
    const starred = await posts(star.id, 3)
    // Ids below the star's, so that it is not among the first two hundred; none of them has posted.
    const silent = Array.from({ length: 205 }, (_, i) => String(i + 1))
    const ports = portsFor({ isolate: new FeedIsolate() })
    const lists = await celebrityLists([...silent, star.id], ports)
    expect(lists).toHaveLength(201)
    expect(lists.flatMap((list) => list.ids).sort(compareIds)).toEqual([...starred].sort(compareIds))
    const [, second] = [...starred].sort(compareIds)
    const below = await celebrityLists([...silent, star.id], ports, second ?? '0')
    expect(below.flatMap((list) => list.ids)).toHaveLength(1)
  })

  it('unknown are read from Postgres, with their lists, in one request each, and kept', async () => {
    const [reader, isolate] = [await person(), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    const stars = [await person(), await person(), await person()]
    for (const star of stars) await celebrity(star.id)
    await follows(reader.id, ...stars.map((star) => star.id))
    for (const star of stars) await posts(star.id, 2)
    await redis.pipeline([['DEL', keys.celebs(reader.id)]])
    const ports = portsFor({ isolate })
    expect((await serve(reader.id, ports)).items).toHaveLength(6)
    await ports.settle()
    const lists = stars.map((star) => ['ZSCORE', keys.author(star.id), MARK])
    expect(await redis.pipeline(lists)).toEqual(['0', '0', '0'])
    const again = portsFor({ isolate, db: awayDb })
    expect((await serve(reader.id, again, { mode: 'following' })).items).toHaveLength(6)
    expect(again.pipelines).toHaveLength(1)
  })

  it('have lists that are made anew before they end, by one reader, after the answer; all are shown what stands', async () => {
    const star = await person()
    const starred = await posts(star.id, 2)
    const first = portsFor()
    await celebrityLists([star.id], first)
    await first.settle()
    await redis.pipeline([['EXPIRE', keys.author(star.id), 60]])
    const [one, other] = [portsFor(), portsFor()]
    for (const ports of [one, other]) {
      const [list] = await celebrityLists([star.id], ports)
      expect(list?.ids).toEqual(starred)
      expect(ports.queries).toBe(0)
    }
    await Promise.all([one.settle(), other.settle()])
    expect([one.queries, other.queries].sort()).toEqual([0, 1])
    const [life] = await redis.pipeline([['TTL', keys.author(star.id)]])
    expect(life).toBeGreaterThan(6 * 86_400)
  })

  it('are all there also when the isolate has no room for them', async () => {
    const [reader, isolate] = [await person(), new FeedIsolate()]
    const star = await person()
    await celebrity(star.id)
    await follows(reader.id, star.id)
    await posts(star.id, 2)
    await warmUp(reader.id, isolate)
    for (let i = 0; i < 400; i++) isolate.celebrities.set(`other-${i}`, { author: `other-${i}`, floor: 0, ids: [] })
    expect((await serve(reader.id, portsFor({ isolate }))).items).toHaveLength(2)
  })
})

/** What is shown when the time for a page is over. Its end comes when a test says so; Postgres is held back for as long. */
import { describe, expect, it } from 'vitest'
import { compareIds, idMs } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { Problem } from '#core/problem.ts'
import { raiseFloor } from '#core/timeline/index.ts'
import { person } from '../testing.ts'
import { type BudgetPorts, feedInBudget, keepLast, type Shown, toldTo } from './in-budget.ts'
import { FeedIsolate } from './isolate.ts'
import { lastPages } from './last-page.ts'
import {
  type Asked,
  type Counted,
  follows,
  heldBack,
  hideFrom,
  portsFor,
  posts,
  redis,
  shown,
  warmUp,
} from './testing.ts'

const PATIENT = { timeout: 20_000 }

/** Ports whose time is over when it is said to be; then each look is as long as it was asked to be. */
function timed(feed: Counted, changes: Partial<BudgetPorts> = {}) {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const began = changes.clock ?? Date.now
  let passedMs = 0
  const clock = () => began() + passedMs
  const kept = { looks: 0, underWay: 0, over: () => resolve() }
  const ports: BudgetPorts = {
    startedMs: began(),
    budgetMs: 200,
    async inTime(work, ms) {
      const look = over.then(() => new Promise<null>((done) => setTimeout(done, 1, null)))
      const page = await Promise.race([work, look])
      if (page !== null) return page
      kept.looks++
      passedMs += Math.max(0, ms)
      return null
    },
    isolate: feed.isolate,
    lastPages: lastPages(clock, () => caches.default),
    load: { stay: () => kept.underWay++, leave: () => void kept.underWay-- },
    isAway: feed.isAway,
    later: feed.later,
    sign: async () => {},
    ...changes,
    clock,
  }
  return { ports, kept }
}

function ask(user: string, feed: Counted, ports: BudgetPorts, asked: Asked = {}): Promise<Shown> {
  const query = { user, limit: 5, mode: 'following' as const, cursor: null, ...asked }
  return feedInBudget(query, (made) => ({ ...feed, ...toldTo(made) }), ports)
}

/** Ids of a page or of the last one, with what it did without. */
function idsOf(answer: Shown): string[] {
  if ('page' in answer) return [...shown(answer.page), ...answer.degraded]
  const { items } = JSON.parse(answer.last) as { items: { id: string }[] }
  return [...items.map(({ id }) => id), 'stale']
}

const cursorOf = (answer: Shown) => ('page' in answer ? answer.page.cursor : null)

/** A warm reader of two authors, the second of whom has the oldest post. */
async function reader(count: number) {
  const [{ id }, { id: author }, { id: other }] = [await person(), await person(), await person()]
  await follows(id, author, other)
  const [newer, older] = [await posts(author, count - 1), await posts(other, 1, { from: count + 1 })]
  const ids = [...newer, ...older].sort((a, b) => compareIds(b, a))
  await warmUp(id, new FeedIsolate())
  return { id, author, other, ids }
}

const lose = (ids: readonly string[]) => redis.pipeline(ids.map((id) => ['DEL', keys.post(id)]))

/** Asks for the page behind a cursor, which Postgres keeps waiting, until all that Redis knows is there. */
async function later(user: string, cursor: string | null, limit: number) {
  const { db, letGo } = heldBack()
  const feed = portsFor({ db })
  const now = Date.now()
  const { ports, kept } = timed(feed, { clock: () => now })
  const answer = ask(user, feed, ports, { cursor, limit })
  await expect.poll(() => feed.queries, PATIENT).toBe(1)
  kept.over()
  return { answer, feed, letGo, kept }
}

describe('a later page whose time is over', () => {
  it('is what had been read of it; what had not is the first of the next', async () => {
    const { id, ids } = await reader(12)
    const first = await ask(id, portsFor(), timed(portsFor()).ports)
    await lose([ids[5] ?? '', ids[7] ?? ''])
    const { answer, letGo, feed, kept } = await later(id, cursorOf(first), 5)
    const second = await answer
    expect(idsOf(second)).toEqual([ids[6], ids[8], ids[9], 'late'])
    expect(kept.underWay).toBe(1)
    letGo()
    await feed.settle()
    expect(kept.underWay).toBe(0)
    const third = await ask(id, portsFor(), timed(portsFor()).ports, { cursor: cursorOf(second) })
    expect(idsOf(third)).toEqual([ids[5], ids[7], ids[10], ids[11]])
    expect(cursorOf(third)).toBeNull()
  })

  it('has nothing of a private account before it is known that its reader follows it', async () => {
    const { id, ids } = await reader(4)
    const hermit = await person({ isPrivate: true })
    await follows(id, hermit.id)
    const [secret = ''] = await posts(hermit.id, 1, { from: 2 })
    await redis.pipeline([['ZADD', keys.timeline(id), idMs(secret), secret]])
    const all = [...ids, secret].sort((a, b) => compareIds(b, a))
    // All posts are in Redis then: only the follow is asked of Postgres.
    await warmUp(id, new FeedIsolate())
    const first = await ask(id, portsFor(), timed(portsFor()).ports, { limit: 1 })
    const { answer, letGo } = await later(id, cursorOf(first), 4)
    const second = await answer
    letGo()
    expect(idsOf(second)).toEqual([...all.slice(1).filter((post) => post !== secret), 'late'])
    const third = await ask(id, portsFor(), timed(portsFor()).ports, { cursor: cursorOf(second) })
    expect(idsOf(third)).toEqual([secret])
  })

  it('is refused after five times its time where nothing had been read, to be asked for again', async () => {
    const { id, ids } = await reader(12)
    const first = await ask(id, portsFor(), timed(portsFor()).ports)
    await redis.pipeline([
      raiseFloor(id, idMs(ids[4] ?? '') + 1),
      ['ZREMRANGEBYSCORE', keys.timeline(id), 1, idMs(ids[4] ?? '')],
    ])
    await lose(ids)
    const { answer, letGo, feed, kept } = await later(id, cursorOf(first), 5)
    const problem = await answer.catch((error: unknown) => error)
    if (!(problem instanceof Problem)) throw new Error('there was an answer')
    expect([problem.status, problem.headers['retry-after'], kept.looks]).toEqual([503, '1', 41])
    letGo()
    await feed.settle()
    expect(kept.underWay).toBe(0)
    const again = await ask(id, portsFor(), timed(portsFor()).ports, { cursor: cursorOf(first) })
    expect(idsOf(again)).toEqual(ids.slice(5, 10))
  })
})

/** A reader who has a last page, and of whose celebrities Redis knows nothing any more. */
async function returning(changes: Partial<BudgetPorts> = {}) {
  const { id, author, other, ids } = await reader(4)
  const { db, letGo } = heldBack()
  const isolate = new FeedIsolate()
  // It listens when the page is asked for.
  await warmUp(id, isolate)
  const feed = portsFor({ db, isolate })
  const { ports, kept } = timed(feed, changes)
  const before = await ask(id, portsFor({ isolate }), ports)
  if ('last' in before) throw new Error('that was no page')
  keepLast({ user: id, limit: 5, mode: 'following', cursor: null }, before.page, before.degraded, ports)
  await redis.pipeline([['DEL', keys.celebs(id)]])
  const again = () => ask(id, feed, ports)
  return { id, author, other, ids, isolate, feed, ports, kept, again, letGo }
}

describe('a first page whose time is over before its candidates are known', () => {
  it('is the last page; the new one is read on and kept', async () => {
    const { id, ids, author, feed, ports, kept, again, letGo } = await returning()
    const [added = ''] = await posts(author, 1, { from: -1 })
    await redis.pipeline([['ZADD', keys.timeline(id), idMs(added), added]])
    const answer = again()
    await expect.poll(() => feed.queries, PATIENT).toBe(1)
    kept.over()
    expect(idsOf(await answer)).toEqual([...ids, 'stale'])
    expect(kept.underWay).toBe(1)
    letGo()
    await feed.settle()
    expect(kept.underWay).toBe(0)
    const found = await ports.lastPages.find({ user: id, limit: 5, mode: 'following', cursor: null }, () => true)
    expect(idsOf({ last: found ?? '' })).toEqual([added, ...ids, 'stale'])
  })

  it('is without whom its reader must not see, and what was deleted', async () => {
    const { id, ids, other, feed, isolate, kept, again, letGo } = await returning()
    await hideFrom(id, other)
    isolate.applyDelta([`d:${ids[1]}`, String(Date.now())], 0, Date.now() + 1)
    const answer = again()
    await expect.poll(() => feed.queries, PATIENT).toBe(1)
    kept.over()
    expect(idsOf(await answer)).toEqual([ids[0], ids[2], 'stale'])
    letGo()
  })

  const unfit: [why: string, () => ReturnType<typeof returning>][] = [
    [
      'it is not known whom to hide',
      async () => {
        const made = await returning()
        await redis.pipeline([['DEL', keys.hidden(made.id)]])
        return made
      },
    ],
    [
      'all of the last page is hidden',
      async () => {
        const made = await returning()
        await hideFrom(made.id, made.author, 'u')
        await hideFrom(made.id, made.other)
        return made
      },
    ],
    [
      'the last page is minutes old',
      () =>
        returning({
          isolate: { hasChangedSince: () => false, heardSinceMs: 0 },
          startedMs: Date.now() - 250_000,
        }),
    ],
    [
      'the isolate may have missed a deletion',
      () => returning({ isolate: { hasChangedSince: () => false, heardSinceMs: Date.now() + 3_600_000 } }),
    ],
  ]
  it.each(unfit)('is waited for where %s', async (_, make) => {
    const { ids, feed, kept, again, letGo } = await make()
    const answer = again()
    await expect.poll(() => feed.queries, PATIENT).toBe(1)
    kept.over()
    await expect.poll(() => kept.looks, PATIENT).toBeGreaterThan(60)
    letGo()
    const late = await answer
    expect('page' in late && late.page.items.every((item) => ids.includes(item.post.id))).toBe(true)
  })
})

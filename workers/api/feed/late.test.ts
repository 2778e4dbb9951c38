/** What a reader is shown when a store takes longer than they wait: Postgres is held back here for as long as a test wants. */
import { expect, it } from 'vitest'
import { compareIds, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { person } from '../testing.ts'
import { FeedIsolate } from './isolate.ts'
import type { PageSoFar } from './page.ts'
import { type Counted, follows, heldBack, portsFor, posts, redis, serve, shown, walk, warmUp } from './testing.ts'

/** A warm reader, of whose posts Redis has lost the given ones. */
async function readerWithout(lost: readonly number[], count = 12) {
  const [reader, author] = [await person(), await person()]
  await follows(reader.id, author.id)
  const ids = (await posts(author.id, count)).sort((a, b) => compareIds(b, a))
  await warmUp(reader.id, new FeedIsolate())
  const gone = lost.map((i) => ids[i] ?? '')
  await redis.pipeline(gone.map((id) => ['DEL', keys.post(id)]))
  return { reader: reader.id, ids, gone }
}

const PATIENT = { timeout: 20_000 }

/** Begins a first page and waits until all that it can have without Postgres is there. */
async function begun(reader: Id, ports: Counted, limit: number) {
  let soFar: () => PageSoFar = () => {
    throw new Error('nothing was read')
  }
  ports.soFar = (page) => {
    soFar = page
  }
  const whole = serve(reader, ports, { limit, mode: 'following' })
  await expect.poll(() => ports.queries, PATIENT).toBe(1)
  return { whole, soFar: () => soFar() }
}

it('a full page of what Redis knows is there while Postgres is asked for the rest, which comes on later pages', async () => {
  const { reader, ids, gone } = await readerWithout([1, 3])
  const { db: slow, letGo } = heldBack()
  const ports = portsFor({ db: slow })
  const { whole, soFar } = await begun(reader, ports, 5)
  const { page, isFull } = soFar()
  const known = ids.filter((id) => !gone.includes(id))
  expect([isFull, shown(page)]).toEqual([true, known.slice(0, 5)])

  letGo()
  expect(shown(await whole)).toEqual(ids.slice(0, 5))
  const rest = await walk(reader, () => portsFor(), { limit: 5, mode: 'following', cursor: page.cursor })
  const walked = [...shown(page), ...rest.flatMap(shown)]
  expect([...walked].sort((a, b) => compareIds(b, a))).toEqual(ids)
})

it('says of a page that it is not full while posts are missing, and keeps those for later', async () => {
  const { reader, ids, gone } = await readerWithout([0, 1, 2], 4)
  const { db: slow, letGo } = heldBack()
  const ports = portsFor({ db: slow })
  const { whole, soFar } = await begun(reader, ports, 4)
  const { page, isFull } = soFar()
  expect([isFull, shown(page)]).toEqual([false, ids.filter((id) => !gone.includes(id))])
  expect(page.cursor).not.toBeNull()
  letGo()
  expect(shown(await whole)).toEqual(ids)
})

it('what comes too late for one page is in the isolate for the next', async () => {
  const { reader, ids } = await readerWithout([0, 1])
  const isolate = new FeedIsolate()
  const { db: slow, letGo } = heldBack()
  const { whole } = await begun(reader, portsFor({ db: slow, isolate }), 5)
  letGo()
  await whole
  const next = portsFor({ isolate })
  expect(shown(await serve(reader, next, { limit: 5, mode: 'following' }))).toEqual(ids.slice(0, 5))
  expect(next.queries).toBe(0)
})

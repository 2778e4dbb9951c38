import { describe, expect, it } from 'vitest'
import { lastPages } from './last-page.ts'

const MINUTE_MS = 60_000

function setUp() {
  let now = Date.UTC(2026, 5, 1)
  const waiting: Promise<unknown>[] = []
  let writes = 0
  const later = (work: () => Promise<unknown>) => {
    writes++
    waiting.push(work())
  }
  const pages = lastPages(
    () => now,
    () => caches.default,
  )
  return {
    pages,
    another: lastPages(
      () => now,
      () => caches.default,
    ),
    at: () => now,
    keep: (user: string, body: string, madeMs = now, write = later) =>
      pages.keep({ user, mode: 'ranked' }, { render: () => body, madeMs }, () => body, write),
    written: () => Promise.all(waiting),
    writes: () => writes,
    pass(ms: number) {
      now += ms
    },
  }
}
const of = (user: string, mode: 'ranked' | 'following' = 'ranked') => ({ user, mode, limit: 50, cursor: null })
const all = () => true
const page = (...ids: number[]) =>
  JSON.stringify({ items: ids.map((id) => ({ id: String(id), reason: 'follow', author: { id: '9' } })), cursor: null })
const user = () => String(Math.floor(Math.random() * 1e15))

describe('the last page', () => {
  it('is the newest one, for the reader it was made for', async () => {
    const [{ pages, keep }, ann, bob] = [setUp(), user(), user()]
    keep(ann, page(1))
    keep(ann, page(2))
    expect(await pages.find(of(ann), all)).toBe(page(2))
    expect(await pages.find(of(bob), all)).toBeNull()
  })

  it('is found by another isolate of the same location', async () => {
    const [{ keep, written, another }, ann] = [setUp(), user()]
    keep(ann, page(1))
    await written()
    expect(await another.find(of(ann), all)).toBe(page(1))
  })

  it('is joined anew where it was made, and in the location as its reader got it', async () => {
    const [{ pages, at, written, another }, ann, waiting] = [setUp(), user(), [] as Promise<unknown>[]]
    const page1 = { render: () => page(1, 2), madeMs: at() }
    const write = (work: () => Promise<unknown>) => void waiting.push(work())
    pages.keep(of(ann), page1, () => page(1), write)
    const unasked = () => {
      throw new Error('nobody needs it')
    }
    pages.keep(of(ann), page1, unasked, write)
    await Promise.all([...waiting, written()])
    expect([await pages.find(of(ann), all), await another.find(of(ann), all)]).toEqual([page(1, 2), page(1)])
  })

  it('is written to the location once a minute and reader', () => {
    const [{ keep, writes, pass }, ann, bob] = [setUp(), user(), user()]
    keep(ann, page(1))
    keep(ann, page(2))
    keep(bob, page(1))
    expect(writes()).toBe(2)
    pass(MINUTE_MS)
    keep(ann, page(3))
    expect(writes()).toBe(3)
  })

  it('is kept by the isolate for some readers only', async () => {
    const { pages, keep, written } = setUp()
    const readers = Array.from({ length: 51 }, user)
    for (const [i, reader] of readers.entries()) keep(reader, page(i))
    await written()
    expect(await pages.find(of(readers[0] ?? ''), all)).toBe(page(0))
  })

  it('is of the mode that is asked for, and as old as it says', async () => {
    const [{ keep, pages, written, another }, ann] = [setUp(), user()]
    keep(ann, page(1, 2))
    await written()
    expect(await pages.find(of(ann, 'following'), all)).toBeNull()
    for (const held of [pages, another]) {
      const since: number[] = []
      const found = await held.find(of(ann), ({ id }, madeMs) => since.push(madeMs) > 0 && id === '2')
      expect([found, since]).toEqual([page(2), [Date.UTC(2026, 5, 1), Date.UTC(2026, 5, 1)]])
    }
  })

  it('is none that was made too long ago, or of which nothing may be shown', async () => {
    const [{ keep, pages, pass, another, written }, ann] = [setUp(), user()]
    keep(ann, page(1, 2))
    await written()
    const madeMs = Date.UTC(2026, 5, 1)
    expect(await pages.find(of(ann), all, madeMs)).toBe(page(1, 2))
    pass(MINUTE_MS)
    for (const held of [pages, another]) expect(await held.find(of(ann), all, madeMs + 1)).toBeNull()
    expect(await pages.find(of(ann), () => false)).toBeNull()
    // Another isolate has served a newer one.
    keep(ann, page(3))
    await written()
    expect(await another.find(of(ann), all, madeMs + 1)).toBe(page(3))
  })

  it('is none where it must be cut and its cursor cannot be read', async () => {
    const [{ keep, pages, written }, ann] = [setUp(), user()]
    const kept = JSON.stringify({ ...JSON.parse(page(1, 2)), cursor: 'of another release' })
    keep(ann, kept)
    await written()
    expect(await pages.find({ ...of(ann), limit: 1 }, all)).toBeNull()
    expect(await pages.find(of(ann), all)).toBe(kept)
  })

  it('is forgotten by the isolate and by the location', async () => {
    const [{ keep, pages, written, another }, ann] = [setUp(), user()]
    keep(ann, page(1))
    await written()
    await pages.forget(ann)
    for (const held of [pages, another]) expect(await held.find(of(ann), all)).toBeNull()
  })

  it('is not replaced by one whose making began earlier', async () => {
    const [{ keep, pages, pass, at, written, another }, ann] = [setUp(), user()]
    const began = at()
    pass(2 * MINUTE_MS)
    keep(ann, page(2))
    keep(ann, page(1), began)
    await written()
    for (const held of [pages, another]) expect(await held.find(of(ann), all)).toBe(page(2))
  })

  it('is none whose making had begun when it was forgotten; the next one is', async () => {
    const [{ keep, pages, pass, at, written, another }, ann] = [setUp(), user()]
    const began = at()
    pass(10)
    const writes: (() => Promise<unknown>)[] = []
    keep(ann, page(1), began, (work) => void writes.push(work))
    await pages.forget(ann)
    for (const write of writes) await write()
    keep(ann, page(1), began)
    keep(ann, page(1))
    await written()
    for (const held of [pages, another]) expect(await held.find(of(ann), all)).toBeNull()
    pass(1)
    keep(ann, page(2))
    await written()
    for (const held of [pages, another]) expect(await held.find(of(ann), all)).toBe(page(2))
  })

  it('is none where the cache fails or does not answer', async () => {
    const broken = { match: () => Promise.reject(new Error('the cache is away')) } as unknown as Cache
    const silent = { match: () => new Promise(() => {}) } as unknown as Cache
    for (const cache of [broken, silent]) {
      expect(await lastPages(Date.now, () => cache).find(of(user()), all)).toBeNull()
    }
  })
})

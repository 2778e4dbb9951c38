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
    keep: (user: string, body: string) => pages.keep(user, () => body, later),
    written: () => Promise.all(waiting),
    writes: () => writes,
    pass(ms: number) {
      now += ms
    },
  }
}
const user = () => String(Math.floor(Math.random() * 1e15))

describe('the last page', () => {
  it('is the newest one, for the reader it was made for', async () => {
    const [{ pages, keep }, ann, bob] = [setUp(), user(), user()]
    keep(ann, '{"items":[1]}')
    keep(ann, '{"items":[2]}')
    expect(await pages.find(ann)).toBe('{"items":[2]}')
    expect(await pages.find(bob)).toBeNull()
  })

  it('is found by another isolate of the same location', async () => {
    const [{ keep, written, another }, ann] = [setUp(), user()]
    keep(ann, '{"items":[1]}')
    await written()
    expect(await another.find(ann)).toBe('{"items":[1]}')
  })

  it('is written to the location once a minute and reader', () => {
    const [{ keep, writes, pass }, ann, bob] = [setUp(), user(), user()]
    keep(ann, '1')
    keep(ann, '2')
    keep(bob, '1')
    expect(writes()).toBe(2)
    pass(MINUTE_MS)
    keep(ann, '3')
    expect(writes()).toBe(3)
  })

  it('is kept by the isolate for some readers only', async () => {
    const { pages, keep, written } = setUp()
    const readers = Array.from({ length: 201 }, user)
    for (const reader of readers) keep(reader, reader)
    await written()
    expect(await pages.find(readers[0] ?? '')).toBe(readers[0])
  })
})

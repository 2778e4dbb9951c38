import { describe, expect, it } from 'vitest'
import type { Media, Post } from './api.ts'
import { isStale } from './kept-feeds.ts'
import { renewOnce } from './renewal.ts'

const HOUR = 3_600_000

const media = (id: string, query = ''): Media => ({
  ...{ id, type: 'image' as const, width: 1, height: 1, alt: '', blur: null },
  urls: { thumb: `/t${query}`, small: `/s${query}`, medium: `/m${query}`, large: `/l${query}` },
})

/** An API that holds one post, and notes what it is asked. */
function holding(pictures: Media[] | null) {
  const asked: string[] = []
  const call = async <T>(path: string): Promise<T> => {
    asked.push(path)
    if (pictures === null) throw new Error('gone')
    return { id: '7', media: pictures } as Partial<Post> as T
  }
  return { asked, renew: renewOnce({ call }, '7') }
}

describe('a picture that is refused', () => {
  it('has its post read again, once for all its pictures', async () => {
    const fresh = [media('1', '?s=new'), media('2', '?s=new')]
    const { asked, renew } = holding(fresh)
    expect(await Promise.all(['1', '2'].map((id) => renew(media(id, '?s=old'))))).toEqual(fresh)
    expect(await renew(media('1', '?s=new'))).toBeNull()
    expect(asked).toEqual(['/v1/posts/7'])
  })

  it('stays missing when its post is gone, and when it never was signed', async () => {
    expect(await holding(null).renew(media('1', '?s=old'))).toBeNull()
    const open = holding([media('1')])
    expect(await open.renew(media('1'))).toBeNull()
    expect(open.asked).toEqual([])
  })
})

describe('a kept feed', () => {
  it('is read anew after an hour: its pictures may have expired', () => {
    const never = { followedAt: Number.NEGATIVE_INFINITY }
    expect([HOUR, HOUR + 1].map((now) => isStale('/', 0, { ...never, now }))).toEqual([false, true])
  })

  it('of those followed is read anew after a follow that it may know nothing of', () => {
    const followed = { followedAt: 100_000, now: 200_000 }
    expect(isStale('/following', 99_000, followed)).toBe(true)
    expect(isStale('/following', 130_000, followed)).toBe(false)
    expect(isStale('/', 99_000, followed)).toBe(false)
  })
})

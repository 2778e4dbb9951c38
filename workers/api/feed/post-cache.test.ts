import { describe, expect, it } from 'vitest'
import type { FeedPost } from '#core/feed/index.ts'
import { leadOf } from '#core/id-set.ts'
import { BoundedMap } from './bounded-map.ts'
import { PostCache } from './post-cache.ts'

const post = (id: string, size = 600, authorId = '1'): FeedPost => ({
  id,
  lead: leadOf(id),
  authorId,
  authorName: 'ann',
  authorPrivate: false,
  seconds: 0,
  hashtags: [],
  topic: undefined,
  awaitsMedia: false,
  privateKeys: [],
  signedUntil: Number.POSITIVE_INFINITY,
  sign: () => {},
  json: '',
  size,
  digest: 0,
  touched: false,
  likes: 0,
  comments: 0,
  count(counts) {
    Object.assign(this, counts)
  },
})
/** What one post of 600 characters takes. */
const ONE = 1_000

describe('the post cache', () => {
  it('never holds more bytes than its bound, and says how many it holds', () => {
    const cache = new PostCache(10 * ONE)
    for (let i = 0; i < 100; i++) {
      cache.set(post(String(i), 100 + ((i * 37) % 900)))
      expect(cache.bytes).toBeLessThanOrEqual(10 * ONE)
    }
    expect(cache.size).toBeGreaterThan(4)
    cache.clear()
    expect([cache.bytes, cache.size, cache.get('99')]).toEqual([0, 0, undefined])
  })

  it('never answers with another post than the one asked for, and keeps the later of two that share a place', () => {
    const cache = new PostCache(10 * ONE)
    const [first, second] = ['7123456789000000001', '8123456789000000001'] as const
    cache.set(post(first))
    expect(cache.get(second)).toBeUndefined()
    cache.delete(second)
    expect(cache.get(first)?.id).toBe(first)
    cache.set(post(second))
    expect([cache.get(first), cache.get(second)?.id, cache.size, cache.bytes]).toEqual([undefined, second, 1, ONE])
  })

  it('keeps posts that were read since the hand last passed, and lets the others go', () => {
    const cache = new PostCache(3 * ONE)
    for (const id of ['a', 'b', 'c']) cache.set(post(id))
    cache.get('a')
    cache.set(post('d'))
    expect(['a', 'b', 'c', 'd'].filter((id) => cache.get(id) !== undefined)).toEqual(['a', 'c', 'd'])
  })

  it('lets go of what was read once for what was read twice, however much of it comes', () => {
    const cache = new PostCache(20 * ONE)
    for (let i = 0; i < 10; i++) cache.set(post(`often ${i}`))
    for (let i = 0; i < 10; i++) cache.get(`often ${i}`)
    for (let i = 0; i < 1_000; i++) cache.set(post(String(i)))
    const left = Array.from({ length: 10 }, (_, i) => cache.get(`often ${i}`)).filter((found) => found !== undefined)
    expect([left.length, cache.size, cache.bytes]).toEqual([10, 20, 20 * ONE])
  })

  it('makes room also when every post was read', () => {
    const cache = new PostCache(3 * ONE)
    for (const id of ['a', 'b', 'c']) cache.set(post(id))
    for (const id of ['a', 'b', 'c']) cache.get(id)
    cache.set(post('d'))
    expect([cache.size, cache.bytes]).toEqual([3, 3 * ONE])
    expect(cache.get('d')).toBeDefined()
  })

  it('keeps nothing when it is switched off, nor a post larger than all of it', () => {
    const [off, small] = [new PostCache(0), new PostCache(2 * ONE)]
    off.set(post('a'))
    small.set(post('a'))
    small.set(post('b', 5_000))
    expect(off.size).toBe(0)
    expect(small.get('a')).toBeDefined()
    expect(small.get('b')).toBeUndefined()
  })

  it('counts a post that is set again once, with its new size', () => {
    const cache = new PostCache(10 * ONE)
    cache.set(post('a'))
    cache.set(post('a', 1_600))
    expect([cache.size, cache.bytes]).toEqual([1, 2 * ONE])
  })

  it('takes new counts for posts it holds, and only for those', () => {
    const cache = new PostCache(10 * ONE)
    cache.set(post('a'))
    cache.setCounts('a', { likes: 7, comments: 2 })
    cache.setCounts('b', { likes: 7, comments: 2 })
    expect(cache.get('a')).toMatchObject({ likes: 7, comments: 2 })
    expect(cache.get('b')).toBeUndefined()
  })

  it('forgets one post, or all posts of an author', () => {
    const cache = new PostCache(10 * ONE)
    for (const [id, author] of [
      ['a', '1'],
      ['b', '2'],
      ['c', '1'],
      ['d', '3'],
    ] as const)
      cache.set(post(id, 600, author))
    cache.deleteWhere((cached) => cached.authorId === '1')
    cache.delete('d')
    cache.delete('nothing')
    expect([cache.size, cache.bytes]).toEqual([1, ONE])
    expect(cache.get('b')).toBeDefined()
  })
})

describe('a bounded map', () => {
  it('forgets what came first, and keeps its bound', () => {
    const map = new BoundedMap<string, number>(2)
    map.set('a', 1).set('b', 2).set('a', 3).set('c', 4)
    expect([...map]).toEqual([
      ['b', 2],
      ['c', 4],
    ])
  })
})

import { describe, expect, it } from 'vitest'
import type { FeedItem } from './api.ts'
import { newerThan } from './arrivals.ts'
import { createAttempts } from './attempt.ts'
import { createNews } from './news.ts'
import { refusalOf, sizeOf } from './photo-chooser.ts'
import { frameRatio, sources } from './picture.ts'
import { createSessionStore } from './session.ts'

const urls = { thumb: '/t', small: '/s', medium: '/m', large: '/l' }

describe('photos', () => {
  it('offer no preset beyond the original’s width', () => {
    expect(sources({ width: 4_000, urls })).toBe('/t 150w, /s 320w, /m 640w, /l 1080w')
    expect(sources({ width: 640, urls })).toBe('/t 150w, /s 320w, /m 640w')
    expect(sources({ width: 300, urls })).toBe('/t 150w, /s 300w')
  })

  it('are cropped when they are very tall or very wide', () => {
    expect([
      frameRatio({ width: 300, height: 200 }),
      frameRatio({ width: 100, height: 900 }),
      frameRatio({ width: 900, height: 100 }),
      frameRatio({ width: 0, height: 0 }),
    ]).toEqual([1.5, 0.75, 1.91, 1])
  })

  it('are refused before the upload when they cannot be taken', () => {
    expect(refusalOf({ type: 'image/jpeg', size: 1 })).toBeNull()
    expect(refusalOf({ type: 'image/svg+xml', size: 1 })).toMatch(/JPEG/)
    expect(refusalOf({ type: 'image/png', size: 21 * 1024 * 1024 })).toMatch(/20 MB/)
    expect(refusalOf({ type: 'image/png', size: 0 })).toMatch(/empty/)
  })
})

describe('a chosen file', () => {
  it('says how large it is', () => {
    expect([12, 12_345, 1_234_567].map(sizeOf)).toEqual(['1 kB', '12 kB', '1.2 MB'])
  })
})

describe('attempts at a write', () => {
  it('have the same key as long as they say the same', () => {
    let n = 0
    const keyOf = createAttempts(() => `key ${++n}`)
    expect([keyOf({ a: 1 }), keyOf({ a: 1 }), keyOf({ a: 2 }), keyOf({ a: 1 })]).toEqual([
      'key 1',
      'key 1',
      'key 2',
      'key 3',
    ])
  })
})

describe('news', () => {
  it('reach those who listen, until they stop', () => {
    const news = createNews()
    const heard: string[] = []
    const stop = news.on('deleted', (id) => heard.push(id))
    news.tell('deleted', '1')
    stop()
    news.tell('deleted', '2')
    expect(heard).toEqual(['1'])
  })
})

describe('arrivals', () => {
  it('are what lies above the mark and is not known, newest first', () => {
    const items = ['9', '100', '20', '101', '7'].map((id) => ({ id }) as FeedItem)
    expect(newerThan(items, '9', new Set(['20'])).map((item) => item.id)).toEqual(['101', '100'])
  })
})

describe('a session', () => {
  const tokens = { accessToken: 'a', refreshToken: 'r', expiresIn: 900, userId: '1', username: 'ada' }
  const storage = () => {
    const items = new Map<string, string>()
    return {
      getItem: (key: string) => items.get(key) ?? null,
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    } as Storage
  }

  it('outlives a reload, without the access token', () => {
    const tab = storage()
    createSessionStore(tab).keep(tokens)
    const reloaded = createSessionStore(tab)
    expect(reloaded.current()).toEqual({ userId: '1', username: 'ada' })
    expect(reloaded.refreshToken()).toBe('r')
    expect(tab.getItem('tideline.session')).not.toContain('accessToken')
  })

  it('tells of a new person and of the end, but not of renewed tokens', () => {
    const store = createSessionStore(storage())
    const told: (string | null)[] = []
    store.onChange((session) => told.push(session?.username ?? null))
    store.keep(tokens)
    store.keep({ ...tokens, refreshToken: 'r2' })
    store.end()
    store.end()
    expect(told).toEqual(['ada', null])
  })

  it('begins without one when what is stored makes no sense', () => {
    const tab = storage()
    tab.setItem('tideline.session', '{')
    expect(createSessionStore(tab).current()).toBeNull()
  })
})

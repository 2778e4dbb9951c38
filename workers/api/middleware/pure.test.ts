import { describe, expect, it } from 'vitest'
import { encodeCursor } from '#core/cursor.ts'
import { readConfig } from '../config.ts'
import { createRateLimits } from '../rate-limits.ts'
import { cutPage, positionOf } from '../routes/paging.ts'
import { env } from '../testing.ts'
import { matches, textTag, weakTag } from './conditional.ts'
import { allowedOrigin } from './headers.ts'
import { Timings } from './timings.ts'
import { requestId, traceparent } from './trace.ts'

describe('conditional reads', () => {
  it('compare tags weakly, in lists and with the star', () => {
    const tag = weakTag('7', 2, null)
    expect(tag).toBe('W/"7-2-"')
    for (const header of [tag, '"7-2-"', `"x", ${tag}`, '*']) expect(matches(header, tag)).toBe(true)
    for (const header of [null, '', '"7-3-"']) expect(matches(header, tag)).toBe(false)
  })

  it('tell texts apart by a letter, by order and by length', () => {
    const texts = ['', 'a', 'b', 'ab', 'ba', 'aa', '{"items":[],"cursor":null}', '{"items":[],"cursor":"x"}']
    expect(new Set(texts.map(textTag)).size).toBe(texts.length)
  })
})

describe('trace context', () => {
  const random = () => 0.5

  it('keeps the trace, takes a span of its own and keeps the flags', () => {
    const given = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`
    expect(traceparent(given, random)).toBe(`00-${'a'.repeat(32)}-${'80000000'.repeat(2)}-00`)
  })

  it.each([
    null,
    '',
    'rubbish',
    `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
    `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  ])('starts a new one for %j', (given) => {
    expect(traceparent(given, random)).toMatch(/^00-8000000080000000[0-9a-f]{16}-[0-9a-f]{16}-01$/)
  })

  it('takes a client’s request id only when it is plain', () => {
    expect(requestId('abc-12345', random)).toBe('abc-12345')
    for (const bad of ['short', 'with blank in', 'x'.repeat(65), 'new\nline-123'])
      expect(requestId(bad, random)).not.toBe(bad)
  })
})

describe('rate limits', () => {
  const answering = (success: boolean) => {
    const asked: string[] = []
    const limit = async ({ key }: { key: string }) => {
      asked.push(key)
      return { success }
    }
    return { asked, limit }
  }
  const limits = (binding: { limit: RateLimit['limit'] }, clock: () => number) =>
    createRateLimits({ RATE_LIMITER: binding, RATE_LIMITER_WRITES: binding, RATE_LIMITER_SIGN_IN: binding }, clock)

  it('ask nobody about an ordinary reader, and the binding once somebody reads a lot', async () => {
    const binding = answering(false)
    const { take } = limits(binding, () => 0)
    for (let i = 0; i < 3_000; i++) expect(take('read', 'ann')).toMatchObject({ allowed: true })
    expect(binding.asked).toEqual([])
    expect(await take('read', 'ann')).toMatchObject({ allowed: false, remaining: 0 })
    expect(take('read', 'bob')).toMatchObject({ allowed: true, remaining: 5_999 })
  })

  it('ask about every sign-in, refuse by themselves above the limit, and start anew each minute', async () => {
    let now = 0
    const binding = answering(true)
    const { take } = limits(binding, () => now)
    for (let i = 0; i < 60; i++) expect(await take('sign-in', 'ip')).toMatchObject({ allowed: true })
    expect(binding.asked).toHaveLength(60)
    expect(await take('sign-in', 'ip')).toMatchObject({ allowed: false, resetSeconds: 60 })
    now = 60_000
    expect(await take('sign-in', 'ip')).toMatchObject({ allowed: true })
  })
})

describe('timings', () => {
  it('add up by stage, also when a stage fails', async () => {
    let now = 0
    const timings = new Timings(() => now)
    const stage = async () => {
      now += 5
    }
    await timings.time('redis', stage)
    await timings.time('redis', stage)
    await timings.time('postgres', () => Promise.reject(new Error('x'))).catch(() => {})
    expect(timings.header()).toBe('redis;dur=10;desc="2 calls", postgres;dur=0')
  })
})

describe('pages', () => {
  it('carry a cursor only when there is more, and refuse one of another list or shape', () => {
    const rows = ['5', '4', '3'].map((id) => ({ id }))
    const idOf = (row: { id: string }) => row.id
    const { cursor } = cutPage('list', rows, 2, idOf)
    expect(positionOf('list', cursor ?? undefined)).toBe('4')
    expect(cutPage('list', rows, 3, idOf).cursor).toBeNull()
    expect(positionOf('list', undefined)).toBeNull()
    for (const bad of [
      encodeCursor('other', ['4']),
      encodeCursor('list', ['x']),
      encodeCursor('list', ['99999999999999999999']),
      '%%',
    ]) {
      expect(() => positionOf('list', bad)).toThrow(/cursor/)
    }
  })
})

describe('settings', () => {
  const good = { ...env } as unknown as Record<string, unknown>

  it('name every one that is wrong, and never a secret', () => {
    const bad = {
      ...good,
      DATABASE_URL: 'mysql://secret',
      REDIS_REST_TOKEN: '',
      ORIGIN_URL: 'nowhere',
      JWT_PUBLIC_JWKS: '{',
    }
    expect(() => readConfig(bad)).toThrow(/REDIS_REST_TOKEN.*DATABASE_URL.*ORIGIN_URL.*JWT_PUBLIC_JWKS/)
    expect(() => readConfig(bad)).not.toThrow(/mysql/)
  })

  it('allow any origin, or those on the list', () => {
    const config = readConfig({ ...good, CORS_ORIGINS: 'https://a.example, https://b.example' })
    expect(allowedOrigin('https://b.example', config.corsOrigins)).toBe('https://b.example')
    expect(allowedOrigin('https://c.example', config.corsOrigins)).toBeNull()
    expect(allowedOrigin('https://c.example', [])).toBe('*')
  })
})

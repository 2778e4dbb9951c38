import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Tokens } from './api.ts'
import { createApi } from './http.ts'
import { createSessionStore } from './session.ts'
import { memoryStorage, tokensOf } from './testing.ts'

const MINUTE = 60_000

/** A server whose refresh may be away; it notes what it is asked, and with which token. */
function server() {
  const asked: string[] = []
  const state = { refresh: 200 as number | 'silent' }
  vi.stubGlobal('fetch', async (path: string, { method, headers }: { method: string; headers: Headers }) => {
    asked.push(`${method} ${path} ${headers.get('authorization') ?? ''}`.trim())
    if (path !== '/v1/sessions/refresh') return Response.json({ ok: true })
    if (state.refresh === 'silent') throw new TypeError('fetch failed')
    if (state.refresh !== 200) return Response.json({ detail: 'Not now.' }, { status: state.refresh })
    return Response.json(tokensOf('ann', 'second') satisfies Tokens)
  })
  return { asked, state }
}

describe('calls to the API', () => {
  let nowMs = 0
  const signedIn = () => {
    nowMs = 1_000_000
    const session = createSessionStore(memoryStorage())
    const api = createApi(session, () => nowMs)
    session.keep(tokensOf('ann', 'first'))
    return { api, session }
  }
  let fake: ReturnType<typeof server>
  beforeEach(() => {
    fake = server()
  })
  afterEach(() => vi.unstubAllGlobals())

  it('renew the access token shortly before it expires', async () => {
    const { api } = signedIn()
    nowMs += 14.6 * MINUTE
    await api.call('/v1/feed')
    expect(fake.asked).toEqual(['POST /v1/sessions/refresh', 'GET /v1/feed Bearer access second'])
  })

  it.each([503, 429, 'silent'] as const)(
    'go on reading with the token at hand where renewing meets %s',
    async (how) => {
      const { api } = signedIn()
      fake.state.refresh = how
      nowMs += 40 * MINUTE
      expect(await api.call('/v1/feed')).toEqual({ ok: true })
      expect(fake.asked).toEqual(['POST /v1/sessions/refresh', 'GET /v1/feed Bearer access first'])
    },
  )

  it('do not ask for a renewal again with each read of an outage, but soon after', async () => {
    const { api } = signedIn()
    fake.state.refresh = 503
    nowMs += 40 * MINUTE
    for (let read = 0; read < 3; read++) await api.call('/v1/feed')
    const renewals = () => fake.asked.filter((line) => line.includes('refresh')).length
    expect(renewals()).toBe(1)
    fake.state.refresh = 200
    nowMs += 6_000
    await api.call('/v1/feed')
    expect([renewals(), fake.asked.at(-1)]).toEqual([2, 'GET /v1/feed Bearer access second'])
  })

  it('write with a token that still counts, and with no other', async () => {
    const { api } = signedIn()
    fake.state.refresh = 503
    nowMs += 14.6 * MINUTE
    await api.call('/v1/posts', { method: 'POST', body: {} })
    expect(fake.asked.at(-1)).toBe('POST /v1/posts Bearer access first')
    nowMs += MINUTE
    await expect(api.call('/v1/posts', { method: 'POST', body: {} })).rejects.toMatchObject({ status: 503 })
  })

  it('end the session that is refused, and read no more as that person', async () => {
    const { api, session } = signedIn()
    fake.state.refresh = 401
    nowMs += 40 * MINUTE
    await expect(api.call('/v1/feed')).rejects.toMatchObject({ status: 401 })
    expect(session.current()).toBeNull()
  })
})

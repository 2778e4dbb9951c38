import { beforeAll, describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { call, person, publish, services, type TestPerson } from '../testing.ts'

const ask = { 'tideline-debug': 'layers' }
const layersOf = async (token: string | undefined, path: string, headers: Record<string, string> = ask) => {
  const answer = await call(`GET ${path}`, { token, headers })
  return { layers: answer.headers.get('tideline-layers'), headers: answer.headers, status: answer.status }
}

describe('the layers that answered', () => {
  let ann: TestPerson
  const feed = '/v1/feed?mode=following'
  beforeAll(async () => {
    ann = await person()
    await publish(ann, 'one')
    await publish(ann, 'two')
    await call(`GET ${feed}`, { token: ann.token })
  })

  it('are told to whoever reads their own feed and asks: timeline, isolate, Redis, Postgres, and the client', async () => {
    const first = await layersOf(ann.token, feed)
    expect(first.layers).toMatch(/^client=miss, timeline=hit, posts=isolate:2, calls=redis:\d/)
    expect(first.headers.get('server-timing')).toContain(`layers;desc="${first.layers}"`)
    const again = await layersOf(ann.token, feed, { ...ask, 'if-none-match': first.headers.get('etag') ?? '' })
    expect(again).toMatchObject({ status: 304, layers: expect.stringMatching(/^client=hit, timeline=hit/) })
    services.feedIsolate.posts.clear()
    expect((await layersOf(ann.token, feed)).layers).toContain('posts=redis:2, ')
  })

  it('tell of a cold timeline that Postgres was asked', async () => {
    await services.redis.pipeline([['DEL', keys.timeline(ann.id)]])
    expect((await layersOf(ann.token, feed)).layers).toMatch(/timeline=miss, .*calls=redis:\d postgres:1$/)
  })

  it('are told of any answer that is for one person, where it is signed in for', async () => {
    const path = `/v1/users/${ann.username}`
    expect((await layersOf(ann.token, path)).layers).toMatch(/^client=miss, calls=(redis:1 )?postgres:1$/)
    expect((await layersOf(undefined, path)).layers).toBeNull()
    for (const own of ['/v1/notifications', '/v1/boards', '/v1/me/follow-requests', '/v1/search/users?q=a']) {
      const { layers, headers } = await layersOf(ann.token, own)
      expect([own, headers.get('cache-control'), layers]).toEqual([
        own,
        expect.stringContaining('private'),
        expect.any(String),
      ])
    }
  })

  it('are told to nobody who does not ask, nor in what shared caches may keep', async () => {
    expect((await layersOf(ann.token, feed, {})).layers).toBeNull()
    expect((await layersOf(ann.token, feed, { 'tideline-debug': 'all' })).layers).toBeNull()
    const shared = await layersOf(ann.token, '/v1/trending/hashtags')
    expect(shared.headers.get('cache-control')).toContain('public')
    expect([shared.layers, shared.headers.get('server-timing')?.includes('layers')]).toEqual([null, false])
  })
})

import { describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { follows, posts, redis } from '../feed/testing.ts'
import { away, call, person, type TestPerson } from '../testing.ts'

interface Page {
  items: { id: string; reason: string; why: string; liked: boolean; likeCount: number; author: { username: string } }[]
  cursor: string | null
}
/** A loaded machine is no outage: the Worker waits longer here than in production. */
const patient: object = { REDIS_TIMEOUT_MS: '10000' }
const feed = (reader: TestPerson, query = '', options: { env?: object; headers?: Record<string, string> } = {}) =>
  call<Page>(`GET /v1/feed${query}`, { token: reader.token, ...options, env: { ...patient, ...options.env } })

async function readerOf(count: number) {
  const [reader, author] = [await person(), await person()]
  await follows(reader.id, author.id)
  return { reader, author, ids: await posts(author.id, count) }
}

describe('GET /v1/feed', () => {
  it('answers posts of the people one follows, with their reason, to be kept by nobody else', async () => {
    const { reader, author, ids } = await readerOf(3)
    const { status, headers, body } = await feed(reader)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('private, no-cache')
    expect(body.items.map((item) => item.id).sort()).toEqual([...ids].sort())
    expect(body.items[0]).toMatchObject({
      reason: 'follow',
      why: 'You follow this account.',
      author: { username: author.username },
      liked: false,
      likeCount: 3,
    })
    expect(body.cursor).toBeNull()
  })

  it('answers 304 to who has this page, and the page again once a like or a count has changed', async () => {
    const { reader, ids } = await readerOf(3)
    const etag = (await feed(reader)).headers.get('etag') ?? ''
    const same = await feed(reader, '', { headers: { 'if-none-match': etag } })
    expect([same.status, same.body, same.headers.get('etag')]).toEqual([304, '', etag])
    await redis.pipeline([['ZADD', keys.liked(reader.id), Date.now(), ids[0] ?? '']])
    const liked = await feed(reader, '', { headers: { 'if-none-match': etag } })
    expect(liked.status).toBe(200)
    expect(liked.body.items.find((item) => item.id === ids[0])?.liked).toBe(true)
  })

  it('takes 1 to 100 posts a page, two modes, and its own cursors', async () => {
    const { reader } = await readerOf(3)
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'mode=best', 'cursor=', 'cursor=x', 'unknown=1']) {
      expect((await feed(reader, `?${query}`)).status, query).toBe(400)
    }
    for (const limit of [1, 100]) {
      const { status, body } = await feed(reader, `?limit=${limit}`)
      expect([status, body.items.length]).toEqual([200, Math.min(limit, 3)])
    }
  })

  it('is walked with its cursors', async () => {
    const { reader, ids } = await readerOf(5)
    const first = await feed(reader, '?limit=3&mode=following')
    const second = await feed(reader, `?limit=3&mode=following&cursor=${first.body.cursor}`)
    expect([...first.body.items, ...second.body.items].map((item) => item.id)).toEqual(ids)
    expect(second.body.cursor).toBeNull()
  })

  it('refuses the cursor of one mode in the other as it refuses any wrong cursor', async () => {
    const { reader } = await readerOf(5)
    const wrong = await feed(reader, '?cursor=nonsense')
    for (const [mode, other] of [
      ['ranked', 'following'],
      ['following', 'ranked'],
    ]) {
      const { body } = await feed(reader, `?limit=3&mode=${mode}`)
      expect(body.cursor).not.toBeNull()
      const crossed = await feed(reader, `?limit=3&mode=${other}&cursor=${body.cursor}`)
      expect(crossed.status).toBe(400)
      expect({ ...crossed.body, requestId: '' }).toEqual({ ...wrong.body, requestId: '' })
      expect((await feed(reader, `?limit=3&mode=${mode}&cursor=${body.cursor}`)).status).toBe(200)
    }
  })

  it('is for who has signed in', async () => {
    expect((await call('GET /v1/feed')).status).toBe(401)
  })
})

describe('GET /v1/feed when something is away', () => {
  it('is complete without Redis, and says so', async () => {
    const { reader, ids } = await readerOf(60)
    const { status, headers, body } = await feed(reader, '?mode=following', { env: away.redis })
    expect([status, headers.get('tideline-degraded')]).toEqual([200, 'redis'])
    expect(body.items.map((item) => item.id)).toEqual(ids.slice(0, 50))
    const next = await feed(reader, `?mode=following&cursor=${body.cursor}`, { env: away.redis })
    expect(next.body.items.map((item) => item.id)).toEqual(ids.slice(50))
  })

  it('is the last page, marked stale, without Redis and Postgres; and 503 to who had none', async () => {
    const { reader } = await readerOf(3)
    const stranger = await person()
    const fresh = await feed(reader)
    const both = { ...away.redis, ...away.postgres }
    const stale = await feed(reader, '', { env: both })
    expect([stale.status, stale.headers.get('tideline-degraded')]).toEqual([200, 'stale'])
    expect(stale.headers.get('cache-control')).toBe('private, no-store')
    expect(stale.body).toEqual(fresh.body)
    const none = await feed(stranger, '', { env: both })
    expect([none.status, none.headers.has('retry-after')]).toEqual([503, true])
  })

  it('is the last page to whom it takes too long, and the read goes on for the next; who has none waits', async () => {
    const { reader, ids } = await readerOf(3)
    const hasty = { FEED_BUDGET_MS: '1' }
    const waited = await feed(reader, '', { env: hasty })
    expect([waited.status, waited.headers.get('tideline-degraded'), waited.body.items.length]).toEqual([200, null, 3])
    const [added = ''] = await posts((await person()).id, 1)
    await redis.pipeline([['ZADD', keys.timeline(reader.id), Date.now(), added]])
    const stale = await feed(reader, '', { env: hasty })
    expect([stale.status, stale.headers.get('tideline-degraded')]).toEqual([200, 'stale'])
    expect(stale.body.items.map((item) => item.id).sort()).toEqual([...ids].sort())
    const next = await feed(reader, '', { env: hasty })
    expect(next.body.items.map((item) => item.id).sort()).toEqual([...ids, added].sort())
  })

  it('serves warm readers without Postgres, and never without knowing whom to hide', async () => {
    const { reader } = await readerOf(3)
    await feed(reader)
    await feed(reader)
    const warm = await feed(reader, '', { env: away.postgres })
    expect([warm.status, warm.body.items.length, warm.headers.get('tideline-degraded')]).toEqual([200, 3, null])
    await redis.pipeline([['DEL', keys.hidden(reader.id)]])
    const unknown = await feed(reader, '', { env: away.postgres })
    expect(unknown.headers.get('tideline-degraded')).toBe('stale')
  })
})

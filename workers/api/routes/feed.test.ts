import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import type { Database } from '#drizzle/database.ts'
import { follows, ownTrendList, posts, redis } from '../feed/testing.ts'
import { servicesFor } from '../services.ts'
import { away, call, environmentOf, person, publish, services, type TestPerson } from '../testing.ts'

interface Page {
  items: { id: string; reason: string; why: string; liked: boolean; likeCount: number; author: { username: string } }[]
  cursor: string | null
}
/** A loaded machine is no outage: the Worker waits longer here than in production. */
const patient: object = { REDIS_TIMEOUT_MS: '10000' }
type FeedCall = { env?: object; headers?: Record<string, string>; onAnswer?: () => void }
const feed = (reader: TestPerson, query = '', options: FeedCall = {}) =>
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
    expect((await feed(reader, '?mode=following', { env: both })).status).toBe(503)
    const none = await feed(stranger, '', { env: both })
    expect([none.status, none.headers.has('retry-after')]).toEqual([503, true])
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

  it('is a stale page no larger than what was asked for, with a cursor that goes on behind it', async () => {
    const { reader, ids } = await readerOf(5)
    await feed(reader, '?mode=following&limit=4')
    const both = { ...away.redis, ...away.postgres }
    const stale = await feed(reader, '?mode=following&limit=2', { env: both })
    expect(stale.headers.get('tideline-degraded')).toBe('stale')
    const rest = await feed(reader, `?mode=following&cursor=${stale.body.cursor}`)
    expect([stale.body, rest.body].map(({ items }) => items.map((item) => item.id))).toEqual([
      ids.slice(0, 2),
      ids.slice(2),
    ])
  })

  it('leaves out of a stale page who was hidden and what was deleted since, as far as anybody says', async () => {
    const [reader, gone, muted] = [await person(), await person(), await person()]
    await follows(reader.id, gone.id, muted.id)
    const deleted = await publish(gone, 'to be deleted')
    const kept = await publish(gone, 'to stay')
    await posts(muted.id, 2)
    await feed(reader)
    await feed(reader)
    await call(`DELETE /v1/posts/${deleted}`, { token: gone.token })
    // Hidden from elsewhere, and no timeline: Redis says whom not to show, and Postgres is away.
    await redis.pipeline([
      ['SADD', keys.hidden(reader.id), `m:${muted.id}`],
      ['DEL', keys.timeline(reader.id)],
    ])
    // Deletions come with the delta, about once a second.
    const shown = async () => {
      const { headers, body } = await feed(reader, '', { env: away.postgres })
      return [headers.get('tideline-degraded'), ...body.items.map((item) => item.id)]
    }
    await expect.poll(shown, { timeout: 20_000 }).toEqual(['stale', kept])
  })

  it('has no last page from before a block, a mute or an unfollow', async () => {
    for (const verb of ['PUT block', 'PUT mute', 'DELETE follow']) {
      const { reader, author } = await readerOf(3)
      await feed(reader)
      const [method, relation] = verb.split(' ')
      await call(`${method} /v1/users/${author.id}/${relation}`, { token: reader.token, env: patient })
      const both = { ...away.redis, ...away.postgres }
      expect((await feed(reader, '', { env: both })).status, verb).toBe(503)
    }
  })
})

/** A Worker whose Postgres answers feeds when it is let go. */
function heldBack(env: object) {
  const { high } = servicesFor(environmentOf(env)).dbOf as { high: Database }
  const { query, batch } = high
  return {
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      high.query = (statement) => promise.then(() => query(statement))
      high.batch = (statements) => promise.then(() => batch(statements))
      return () => {
        Object.assign(high, { query, batch })
        resolve()
      }
    },
  }
}

describe('GET /v1/feed when a store is slow and none is away', () => {
  it('shows what has passed the rules when the time is over: nobody hidden, nothing deleted; the next page has the rest', async () => {
    const hasty = { ...patient, FEED_BUDGET_MS: '1', MAX_IN_FLIGHT: '1' }
    const [reader, hidden, fickle, author] = [await person(), await person(), await person(), await person()]
    await follows(reader.id, hidden.id, fickle.id, author.id)
    const deleted = await publish(fickle, 'to be deleted')
    const kept = await publish(author, 'to stay')
    const muted = await publish(hidden, 'from one who will be muted')
    const ids = async () => (await feed(reader, '', { env: hasty })).body.items.map((item) => item.id).sort()
    for (let i = 0; i < 2; i++) await expect.poll(ids).toEqual([deleted, kept, muted].sort())
    expect((await call(`PUT /v1/users/${hidden.id}/mute`, { token: reader.token, env: hasty })).status).toBe(204)
    expect((await call(`DELETE /v1/posts/${deleted}`, { token: fickle.token, env: hasty })).status).toBe(204)
    const [added = ''] = await posts(author.id, 1)
    await redis.pipeline([['ZADD', keys.timeline(reader.id), Date.now(), added]])

    const letGo = heldBack(hasty).hold()
    const { load } = servicesFor(environmentOf(hasty))
    let underWay = 0
    const onAnswer = () => {
      underWay = load.inFlight
      letGo()
    }
    const late = await feed(reader, '', { env: hasty, onAnswer })
    // The reading on has the place of the request, though there is no other.
    expect([underWay, load.inFlight]).toEqual([1, 0])
    expect([late.status, late.headers.get('tideline-degraded')]).toEqual([200, 'late'])
    expect([late.headers.get('cache-control'), late.headers.has('etag')]).toEqual(['private, no-cache', true])
    expect(late.body.items.map((item) => item.id)).toEqual([kept])

    await expect.poll(ids).toEqual([kept, added].sort())
  })

  it('waits until it is known whom not to show, though there is a last page', async () => {
    const hasty = { ...patient, FEED_BUDGET_MS: '2' }
    const { reader, author } = await readerOf(3)
    const other = await person()
    await follows(reader.id, other.id)
    const [shown] = await posts(other.id, 1)
    await feed(reader, '', { env: hasty })
    await services.db.query(
      sql`INSERT INTO mutes (user_id, target_id) VALUES (${reader.id}::bigint, ${author.id}::bigint)`,
    )
    await redis.pipeline([['DEL', keys.hidden(reader.id)]])
    const letGo = heldBack(hasty).hold()
    const asking = feed(reader, '', { env: hasty })
    setTimeout(letGo, 50)
    expect((await asking).body.items.map((item) => item.id)).toEqual([shown])
  })

  it('shows nobody who is blocked within the times of a deployment, whatever is slow', async () => {
    const deployed = { REDIS_TIMEOUT_MS: '50', FEED_BUDGET_MS: '200' }
    const [reader, hidden] = [await person(), await person()]
    await follows(reader.id, hidden.id)
    const blocked = await publish(hidden)
    await feed(reader, '', { env: deployed })
    expect((await call(`PUT /v1/users/${hidden.id}/block`, { token: reader.token, env: deployed })).status).toBe(204)
    const letGo = heldBack(deployed).hold()
    const asking = [feed(reader, '', { env: deployed }), feed(reader, '?mode=following&limit=2', { env: deployed })]
    setTimeout(letGo, 300)
    for (const { status, body } of await Promise.all(asking)) {
      if (status === 200) expect(body.items.map((item) => item.id)).not.toContain(blocked)
      else expect(status).toBe(503)
    }
  })
})

describe('GET /v1/trending/posts', () => {
  it('lists what trends, without the newest that fill up behind it; those alone where nothing trends', async () => {
    const [first = '', second = '', ...newest] = await posts((await person()).id, 4)
    const own = ownTrendList()
    const env = { ...patient, IMAGE_BASE_URL: 'https://trends.test' }
    Object.assign(servicesFor(environmentOf(env)).redis, own.redis)
    const listed = async () => {
      const { body } = await call<Pick<Page, 'items'>>('GET /v1/trending/posts', { env })
      return body.items.map((item) => item.id)
    }
    const fillers = newest.map((id) => [id, 0] as const)
    await own.trend([[second, 0.1], [first, 3], ...fillers])
    expect(await listed()).toEqual([first, second])
    await own.trend(fillers)
    expect(await listed()).toEqual(newest)
  })
})

/** What an isolate does that has as much under way as it may: requests that were let in stand for themselves and stay. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { createLoad, type LoadClass } from '#core/load.ts'
import { admitting, loadClass } from './admit.ts'
import { environmentWith, servicesFor } from './services.ts'
import { call, environmentOf, logLines, type PostAnswer, person, publish } from './testing.ts'

let isolates = 0

/** An isolate of its own, with some of its room in use. */
function isolateWith(inUse: number, room = 20) {
  // The name only makes it another environment than that of the test before.
  const changes = {
    MAX_IN_FLIGHT: String(room),
    FEED_BUDGET_MS: '30000',
    TEST_ISOLATE: String(isolates++),
  } as Partial<ApiEnv>
  const services = servicesFor(environmentOf(changes))
  const places = Array.from({ length: inUse }, () => services.load.stay())
  return { env: changes, services, places }
}

describe('an isolate with much under way', () => {
  it('reads feeds on and lets other reads go, at once and with a time to come again', async () => {
    const ann = await person()
    const { env, services } = isolateWith(15)
    const read = await call(`GET /v1/users/${ann.username}`, {
      env,
      headers: { origin: 'https://page.test', 'x-request-id': 'asked-by-a-person' },
    })
    expect(read).toMatchObject({ status: 503, body: { code: 'overloaded', title: 'Too much at once' } })
    expect(Object.fromEntries(read.headers)).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'retry-after': '1',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'strict-transport-security': expect.stringContaining('max-age='),
      'x-request-id': 'asked-by-a-person',
    })
    expect(logLines.filter(({ requestId }) => requestId === 'asked-by-a-person')).toEqual([])
    const asksFirst = await call('OPTIONS /v1/feed', { env, headers: { origin: 'https://page.test' } })
    expect(asksFirst.status).toBe(204)
    expect((await call('GET /v1/feed', { token: ann.token, env })).status).toBe(200)
    expect((await call('GET /health', { env })).status).toBe(200)
    expect(services.load.inFlight).toBe(15)
    expect(services.observations.takeDue(Number.MAX_SAFE_INTEGER)?.shed).toEqual([
      { kind: 'interactive', outcome: 'refused', requests: 1 },
    ])
  })

  it('queues what can be queued: nothing is asked of the stores, and it answers 202', async () => {
    const ann = await person()
    const { env, services } = isolateWith(13)
    const post = await call<{ id: string }>('POST /v1/posts', { token: ann.token, body: { caption: 'later' }, env })
    expect(post).toMatchObject({ status: 202, body: { status: 'accepted', id: expect.any(String) } })
    expect((await call(`GET /v1/posts/${post.body.id}`)).status).toBe(404)
    // Redis knows the post, and whom its reader does not want to see: the standing needs no Postgres.
    const known = await publish(ann)
    await call('GET /v1/feed', { token: ann.token })
    expect((await call(`POST /v1/posts/${known}/like`, { token: ann.token, env })).status).toBe(202)
    expect(services.observations.takeDue(Number.MAX_SAFE_INTEGER)?.shed).toEqual([
      { kind: 'deferrable', outcome: 'queued', requests: 2 },
    ])
    expect(services.load.inFlight).toBe(13)
  })

  it('leaves the last quarter of its room to feeds: no storm of writes takes it', async () => {
    const ann = await person()
    const { env, services } = isolateWith(15)
    const post = await call('POST /v1/posts', { token: ann.token, body: { caption: 'now' }, env })
    expect(post).toMatchObject({ status: 503, body: { code: 'overloaded' } })
    expect((await call('GET /v1/feed', { env })).status).toBe(503)
    expect((await call('GET /v1/feed', { token: ann.token, env })).status).toBe(200)
    expect(services.observations.takeDue(Number.MAX_SAFE_INTEGER)?.shed).toEqual([
      { kind: 'deferrable', outcome: 'refused', requests: 1 },
      { kind: 'interactive', outcome: 'refused', requests: 1 },
    ])
  })

  it('learns from feeds only how long a feed takes, not from what is refused before anything is read', async () => {
    const ann = await person()
    const { env, services } = isolateWith(0)
    const took = vi.spyOn(services.load, 'took')
    expect((await call('GET /v1/feed', { token: 'no.token.at-all', env })).status).toBe(401)
    expect((await call('GET /v1/trending/hashtags', { env })).status).toBe(200)
    expect(took).not.toHaveBeenCalled()
    expect((await call('GET /v1/feed', { token: ann.token, env })).status).toBe(200)
    expect(took).toHaveBeenCalledOnce()
  })

  it('lets everything go, feeds too, once there is no room at all; and is as before when there is again', async () => {
    const ann = await person()
    const { env, services, places } = isolateWith(20)
    for (const verb of ['GET /v1/feed', 'POST /v1/posts', `PUT /v1/users/${ann.id}/follow`]) {
      expect((await call(verb, { token: ann.token, body: verb.startsWith('POST') ? {} : undefined, env })).status).toBe(
        503,
      )
    }
    for (const place of places) services.load.leave(place)
    const published = await call<PostAnswer>('POST /v1/posts', { token: ann.token, body: { caption: 'now' }, env })
    expect(published.status).toBe(201)
    expect((await call('GET /v1/feed', { token: ann.token, env })).status).toBe(200)
    expect(services.load.inFlight).toBe(0)
  })

  it('counts a request until it is answered, however it ends', async () => {
    const { env, services } = isolateWith(0)
    await Promise.all([
      call('GET /v1/feed', { env }),
      call('GET /v1/nothing', { env }),
      call('POST /v1/posts', { body: '{', env }),
    ])
    expect(services.load.inFlight).toBe(0)
  })
})

it('an isolate that comes too late to its timers, again and again, takes on less, whatever it is asked for', async () => {
  let now = 0
  const clock = () => now
  const load = createLoad({ most: 100, least: 32, targetMs: 100, lagMs: 20 }, clock)
  const env = environmentWith(environmentOf({}), { ...servicesFor(environmentOf({})), clock, load })
  const serveLateBy = async (ms: number) => {
    const ctx = createExecutionContext()
    // While it is served, nobody looks at a timer.
    const serve = admitting(() => {
      now += 10 + ms
      return new Response()
    })
    await serve(new Request('https://api.test/v1/trending/hashtags'), env, ctx)
    await waitOnExecutionContext(ctx)
  }
  for (let i = 0; i < 2; i++) await serveLateBy(40)
  expect([load.lagMs, load.limit]).toEqual([0, 100])
  for (let i = 0; i < 8; i++) load.stay()
  // A queue, of what has come and gone before.
  for (let i = 0; i < 300; i++) load.leave(load.enter('feed') ?? 0)
  await serveLateBy(40)
  expect([load.lagMs, load.limit]).toEqual([40, 100])
  await serveLateBy(40)
  expect([load.lagMs, load.limit]).toEqual([40, 50])
})

it('a feed without a token is as urgent as any read', () => {
  expect(loadClass('GET', '/v1/feed', false)).toBe('interactive')
})

it.each([
  ['GET /v1/feed', 'feed'],
  ['GET /v1/trending/posts', 'interactive'],
  ['GET /v1/posts/1/likes', 'interactive'],
  ['POST /v1/posts', 'deferrable'],
  ['DELETE /v1/posts/1', 'interactive'],
  ['POST /v1/posts/1/like', 'deferrable'],
  ['DELETE /v1/posts/1/like', 'deferrable'],
  ['POST /v1/posts/1/share', 'deferrable'],
  ['POST /v1/posts/1/comments', 'deferrable'],
  ['PATCH /v1/posts/1/comments/2', 'deferrable'],
  ['PUT /v1/users/1/follow', 'interactive'],
  ['POST /v1/sessions', 'interactive'],
  ['POST /v1/signals', 'background'],
] satisfies [string, LoadClass][])('%s is %s', (verb, expected) => {
  const [method = '', path = ''] = verb.split(' ')
  expect(loadClass(method, path, true)).toBe(expected)
})

import { describe, expect, it } from 'vitest'
import { BODY_LIMIT_BYTES } from './middleware/body-limit.ts'
import { away, call, logLines, person, publish, tokenOf } from './testing.ts'

describe('every answer', () => {
  it('carries the request id, the trace and the timing of its I/O, and leaves one line in the log', async () => {
    const ann = await person()
    const answer = await call('GET /v1/me', { token: ann.token, headers: { 'x-request-id': 'request-0001' } })
    expect(answer.headers.get('x-request-id')).toBe('request-0001')
    expect(answer.headers.get('server-timing')).toMatch(/\bpostgres;dur=\d+/)
    const line = logLines.findLast((entry) => entry.requestId === 'request-0001')
    expect(line).toMatchObject({ method: 'GET', path: '/v1/me', status: 200, userId: ann.id, level: 'info' })
    expect(line?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  })

  it('leaves a line only for our own faults when it is told so', async () => {
    const before = logLines.length
    const quiet = { ACCESS_LOG: 'faults' }
    await call('GET /v1/me', { env: quiet })
    expect(logLines).toHaveLength(before)
    await call('GET /v1/users/1/posts', { env: { ...quiet, ...away.postgres } })
    expect(logLines).toHaveLength(before + 1)
  })

  it('continues a trace and refuses a request id that would break the log', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01`, 'x-request-id': 'a"b' }
    const answer = await call('GET /v1/me', { headers })
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{24}$/)
    expect(logLines.at(-1)?.traceparent).toContain(trace)
  })

  it('never shows a token in the log', async () => {
    const ann = await person()
    await call('GET /v1/me', { token: ann.token })
    expect(JSON.stringify(logLines)).not.toContain(ann.token.slice(-40))
  })

  it('has security headers, and CORS for origins that may call', async () => {
    const answer = await call('GET /v1/me', { headers: { origin: 'https://app.example' } })
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    const preflight = await call('OPTIONS /v1/posts', { headers: { origin: 'https://app.example' } })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('idempotency-key')
  })

  it('says which caches may keep it, also where nobody has signed in', async () => {
    const ann = await person()
    const post = await publish(ann)
    const cached = async (path: string) => (await call(`GET ${path}`)).headers.get('cache-control')
    const nobodys = [
      `/v1/posts/${post}`,
      `/v1/posts/${post}/comments`,
      `/v1/posts/${post}/likes`,
      `/v1/users/${ann.id}/posts`,
    ]
    for (const path of [...nobodys, '/v1/search/users?q=ann', '/v1/search/hashtags?q=ann']) {
      expect([path, await cached(path)]).toEqual([path, 'private, no-cache'])
    }
    for (const path of ['/v1/trending/hashtags', '/docs', '/openapi.json']) {
      expect([path, await cached(path)]).toEqual([path, 'public, max-age=60'])
    }
    expect(await cached('/v1/nothing')).toBe('no-store')
  })

  it('keeps other origins out when there is a list', async () => {
    const env = { CORS_ORIGINS: 'https://app.example' }
    const allowed = await call('GET /v1/me', { headers: { origin: 'https://app.example' }, env })
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example')
    const other = await call('GET /v1/me', { headers: { origin: 'https://evil.example' }, env })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('bad input', () => {
  it('is a problem with a pointer to each fault', async () => {
    const ann = await person()
    const answer = await call('POST /v1/posts', {
      token: ann.token,
      body: { caption: 7, mediaIds: ['x'], color: 'red' },
    })
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.body).toMatchObject({ code: 'bad-request', instance: '/v1/posts', requestId: expect.any(String) })
    expect(answer.body.errors?.map((error) => error.pointer).sort()).toEqual(['/caption', '/color', '/mediaIds/0'])
  })

  it.each([
    ['no JSON', '{"caption":', 400],
    ['a list', '[]', 400],
    ['nothing', '', 400],
    ['too much', JSON.stringify({ caption: 'x'.repeat(BODY_LIMIT_BYTES) }), 413],
  ])('is refused when the body is %s', async (_, body, status) => {
    const ann = await person()
    expect(await call('POST /v1/posts', { token: ann.token, body })).toMatchObject({ status })
  })

  it('is refused when the body is no JSON by its type', async () => {
    const ann = await person()
    const headers = { 'content-type': 'text/plain' }
    const answer = await call('POST /v1/posts', { token: ann.token, body: '{"caption":"x"}', headers })
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported-media-type' } })
  })

  it.each([
    'GET /v1/posts/abc',
    'GET /v1/posts/01',
    'GET /v1/posts/99999999999999999999',
    'GET /v1/users/1/posts?cursor=rubbish',
    'GET /v1/users/1/posts?limit=0',
    'GET /v1/users/1/posts?limit=1000',
    'GET /v1/users/1/posts?colour=red',
    'GET /v1/search/users?q=',
  ])('is refused: %s', async (verb) => {
    expect(await call(verb)).toMatchObject({ status: 400, body: { code: 'bad-request' } })
  })

  it('answers 404 for routes that are not there', async () => {
    expect(await call('GET /v1/nothing')).toMatchObject({ status: 404, body: { code: 'not-found' } })
  })
})

describe('stores that are away', () => {
  it('answers 503 with Retry-After, tells nothing of the inside, and logs the cause', async () => {
    const ann = await person()
    const answer = await call('GET /v1/me', { token: ann.token, env: away.postgres })
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(JSON.stringify(answer.body)).not.toMatch(/neon|127\.0\.0\.1|SELECT/i)
    expect(logLines.at(-1)).toMatchObject({ level: 'error', error: expect.stringContaining('DatabaseAwayError') })
  })

  it('says that search is away with its service', async () => {
    const answer = await call('GET /v1/search/posts?q=boat', { env: away.origin })
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('5')
  })
})

describe('limits', () => {
  it('refuse an address that tries to sign in too often, and say until when', async () => {
    const headers = { 'cf-connecting-ip': '198.51.100.7' }
    let last = await call('POST /v1/sessions', { body: {}, headers })
    for (let i = 0; i < 61 && last.status !== 429; i++) last = await call('POST /v1/sessions', { body: {}, headers })
    expect(last).toMatchObject({ status: 429, body: { code: 'too-many-requests' } })
    expect(Number(last.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(last.headers.get('x-ratelimit-remaining')).toBe('0')
    const other = await call('POST /v1/sessions', { body: {}, headers: { 'cf-connecting-ip': '198.51.100.8' } })
    expect(other.status).toBe(400)
    // Whoever opens a page asks for one, and a whole office does so by one address.
    const renewal = await call('POST /v1/sessions/refresh', { body: {}, headers })
    expect(renewal.status).toBe(400)
    expect(renewal.headers.get('x-ratelimit-limit')).toBe('300')
  })

  it('count people, not addresses', async () => {
    const token = await tokenOf((await person()).id)
    const first = await call('GET /v1/me', { token, headers: { 'cf-connecting-ip': '198.51.100.9' } })
    const second = await call('GET /v1/me', { token, headers: { 'cf-connecting-ip': '198.51.100.10' } })
    const left = (answer: typeof first) => Number(answer.headers.get('x-ratelimit-remaining'))
    expect(left(first) - left(second)).toBe(1)
  })
})

describe('beside the API', () => {
  it('describes itself in OpenAPI 3.1, each operation once', async () => {
    const { status, body } = await call<{
      openapi: string
      paths: Record<string, Record<string, { operationId: string }>>
    }>('GET /openapi.json')
    expect([status, body.openapi]).toEqual([200, '3.1.0'])
    const ids = Object.values(body.paths).flatMap((item) => Object.values(item).map((op) => op.operationId))
    expect(ids).toContain('createPost')
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).not.toContain(undefined)
  })

  it('has a page of documentation that loads nothing from elsewhere', async () => {
    const answer = await call<string>('GET /docs')
    expect(answer.headers.get('content-security-policy')).toMatch(/script-src 'sha256-/)
    expect(answer.body).not.toMatch(/(?:src|href)="https?:/)
  })

  it('passes images on to their Worker as they came', async () => {
    const path = '/img/medium/media/7/abc.jpg?s=x'
    const answer = await call<{ url: string; accept: string }>(`GET ${path}`, { headers: { accept: 'image/avif' } })
    expect(answer.body).toEqual({ url: `https://api.test${path}`, accept: 'image/avif' })
    expect(answer.headers.get('cache-control')).toContain('immutable')
    expect((await call('GET /cdn-cgi/image/width=640/media/7/abc.jpg')).status).toBe(200)
  })

  it('is healthy whatever is away', async () => {
    expect(await call('GET /health', { env: { ...away.postgres, ...away.redis, ...away.origin } })).toMatchObject({
      status: 200,
      body: { status: 'ok' },
    })
  })
})

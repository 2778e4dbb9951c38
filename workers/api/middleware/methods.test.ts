import { describe, expect, it } from 'vitest'
import { call, person } from '../testing.ts'

describe('a method that an address does not take', () => {
  it.each([
    ['DELETE /v1/feed', 'GET, HEAD, OPTIONS'],
    ['PUT /v1/posts', 'POST, OPTIONS'],
    ['PATCH /v1/posts/7', 'GET, HEAD, DELETE, OPTIONS'],
    ['GET /v1/sessions', 'POST, DELETE, OPTIONS'],
    ['GET /v1/users/7/follow', 'PUT, DELETE, OPTIONS'],
    ['PROPFIND /v1/feed', 'GET, HEAD, OPTIONS'],
    ['POST /health', 'GET, HEAD, OPTIONS'],
    ['POST /img/medium/media/7/abc.jpg', 'GET, HEAD, OPTIONS'],
    ['POST /docs', 'GET, HEAD, OPTIONS'],
  ])('is refused with those that it does: %s', async (verb, allow) => {
    const answer = await call(verb)
    expect(answer).toMatchObject({ status: 405, body: { code: 'method-not-allowed', instance: verb.split(' ')[1] } })
    expect(answer.headers.get('allow')).toBe(allow)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })

  it('is refused with and without a session, and leaves unknown addresses unknown', async () => {
    const { token } = await person()
    expect((await call('DELETE /v1/feed', { token })).status).toBe(405)
    const unknown = await call('DELETE /v1/nothing', { token })
    expect(unknown).toMatchObject({ status: 404, body: { code: 'not-found' } })
    expect(unknown.headers.get('allow')).toBeNull()
  })

  it('is no matter to HEAD and OPTIONS', async () => {
    expect((await call('HEAD /docs')).status).toBe(200)
    const preflight = await call('OPTIONS /v1/feed', { headers: { origin: 'https://app.example' } })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*'])
    const asked = await call('OPTIONS /v1/posts')
    expect([asked.status, asked.headers.get('allow')]).toEqual([204, 'POST, OPTIONS'])
    expect((await call('OPTIONS /v1/nothing')).status).toBe(404)
  })
})

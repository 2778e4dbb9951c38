import { describe, expect, it } from 'vitest'
import { encodeFeedCursor } from '#core/feed/cursor.ts'
import type { ProblemBody } from '#core/problem.ts'
import { call, person } from '../testing.ts'

/** What is said about each field, by its pointer. */
const said = ({ errors = [] }: ProblemBody) =>
  Object.fromEntries(errors.map(({ pointer, detail }) => [pointer, detail]))

describe('what a client is told about its input', () => {
  it('is a sentence for each field of a body', async () => {
    const { token } = await person()
    const body = { caption: 'x'.repeat(2_201), mediaIds: ['x', 7], colour: 'red' }
    const refused = await call('POST /v1/posts', { token, body })
    expect(said(refused.body)).toEqual({
      '/caption': 'Use at most 2200 characters.',
      '/mediaIds/0': 'This must be an id: a decimal string of an unsigned 64-bit integer.',
      '/mediaIds/1': 'This must be text.',
      '/colour': 'Unknown field.',
    })
    const account = await call('POST /v1/accounts', { body: { username: '', email: 'ann', password: 'short' } })
    expect(said(account.body)).toEqual({
      '/username': 'Use 3 to 50 letters a–z, digits, _ and dots; no dot at the beginning or end.',
      '/email': 'This is not an e-mail address.',
      '/password': 'Use 8 to 128 characters.',
    })
    const missing = await call('POST /v1/sessions', { body: { login: 7 } })
    expect(said(missing.body)).toEqual({ '/login': 'This must be text.', '/password': 'This is required.' })
    const upload = await call('POST /v1/media', { token, body: { contentType: 'text/plain', bytes: 0 } })
    expect(said(upload.body)).toEqual({
      '/contentType': 'This must be the type of an image or a video, as in image/jpeg.',
      '/bytes': 'This must be at least 1.',
    })
  })

  it('is a sentence for each parameter', async () => {
    const { token } = await person()
    const tooLong = 'x'.repeat(9_000)
    const feed = await call(`GET /v1/feed?limit=x&mode=best&cursor=${tooLong}`, { token })
    expect(said(feed.body)).toEqual({
      limit: 'This must be a number.',
      mode: 'This must be one of ranked, following.',
      cursor: 'This cursor is not one that this list has given. Leave it out to start from the first page.',
    })
    const list = await call(`GET /v1/users/1/posts?limit=101&cursor=${tooLong}`)
    expect(said(list.body)).toEqual({
      limit: 'This must be at most 100.',
      cursor: 'This cursor is not one that this list has given. Leave it out to start from the first page.',
    })
    const headers = { 'idempotency-key': 'a b' }
    const keyed = await call('POST /v1/posts', { token, body: { caption: 'x' }, headers })
    expect(said(keyed.body)).toEqual({
      'idempotency-key': 'This must be 1 to 255 printable characters without blanks.',
    })
  })

  it('is true of a cursor of another list, too, which may be longer than any of this one', async () => {
    const position = { bottom: '1', shown: [], served: 100, isBeyond: false }
    const rest = Array.from({ length: 200 }, (_, i) => ({
      id: `${2 ** 52 + i}`,
      reason: 'follow' as const,
      relevance: 0,
    }))
    const cursor = encodeFeedCursor({ mode: 'ranked', rest, ...position })
    expect(cursor.length).toBeGreaterThan(1_000)
    for (const path of ['/v1/search/users?q=ann', '/v1/users/1/posts?limit=5']) {
      const refused = await call(`GET ${path}&cursor=${cursor}`)
      expect(said(refused.body).cursor).toMatch(/^This cursor is not one that this list has given\./)
    }
  })

  it('is the same whether the edge or the origin refuses a cursor', async () => {
    for (const cursor of ['rubbish', 'x'.repeat(700)]) {
      const refused = await call(`GET /v1/search/users?q=ann&cursor=${cursor}`)
      expect(refused).toMatchObject({ status: 400, body: { code: 'bad-request' } })
      expect(said(refused.body)).toEqual({ cursor: 'Leave it out to start from the first page.' })
    }
  })
})

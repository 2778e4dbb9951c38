import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { DELETED, parsePost, readPost } from '#core/timeline/index.ts'
import { call, outboxOf, type PostAnswer, person, publish, services } from '../testing.ts'

describe('a post', () => {
  it('is there for everyone, signed in or not', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann, 'public')
    for (const token of [undefined, bob.token]) {
      expect(await call<PostAnswer>(`GET /v1/posts/${id}`, { token })).toMatchObject({
        status: 200,
        body: { caption: 'public' },
      })
    }
  })

  it('is 304 for who has this version, and new again when its counts move', async () => {
    const ann = await person()
    const id = await publish(ann)
    const tag = (await call(`GET /v1/posts/${id}`)).headers.get('etag') ?? ''
    const headers = { 'if-none-match': tag }
    expect((await call(`GET /v1/posts/${id}`, { headers })).status).toBe(304)
    await services.redis.pipeline([['SET', keys.counts(id), '3:1']])
    expect(await call<PostAnswer>(`GET /v1/posts/${id}`, { headers })).toMatchObject({
      status: 200,
      body: { likeCount: 3 },
    })
  })

  it('is new for who has this version when its author has another name', async () => {
    const ann = await person()
    const id = await publish(ann)
    const headers = { 'if-none-match': (await call(`GET /v1/posts/${id}`)).headers.get('etag') ?? '' }
    await call('PATCH /v1/me', { token: ann.token, body: { displayName: 'Ann Anew' } })
    expect(await call<PostAnswer>(`GET /v1/posts/${id}`, { headers })).toMatchObject({
      status: 200,
      body: { author: { displayName: 'Ann Anew' } },
    })
  })

  it('does not exist for who is blocked, in either direction, nor for who does not follow a private author', async () => {
    const [ann, bob, eve] = [await person(), await person({ isPrivate: true }), await person()]
    const [anns, bobs] = [await publish(ann), await publish(bob)]
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    const eves = await publish(eve)
    expect((await call(`GET /v1/posts/${anns}`, { token: eve.token })).status).toBe(404)
    expect((await call(`GET /v1/posts/${eves}`, { token: ann.token })).status).toBe(404)
    expect((await call(`GET /v1/posts/${bobs}`, { token: eve.token })).status).toBe(404)
    expect((await call(`GET /v1/posts/${bobs}`)).status).toBe(404)
    expect((await call(`GET /v1/posts/${bobs}`, { token: bob.token })).status).toBe(200)
  })

  it('is found under an id that was promised for it', async () => {
    const ann = await person()
    const id = await publish(ann, 'kept')
    const alias = services.ids.next(0)
    await services.db.query(sql`INSERT INTO post_aliases (alias_id, post_id, user_id)
      VALUES (${alias}::bigint, ${id}::bigint, ${ann.id}::bigint)`)
    expect(await call<PostAnswer>(`GET /v1/posts/${alias}`)).toMatchObject({ status: 200, body: { id } })
  })
})

describe('deleting a post', () => {
  it('takes it away everywhere before it answers, once, with an event', async () => {
    const ann = await person()
    const id = await publish(ann)
    for (let i = 0; i < 2; i++) {
      expect((await call(`DELETE /v1/posts/${id}`, { token: ann.token })).status).toBe(204)
    }
    const [post, delta, list, timeline] = await services.redis.pipeline([
      readPost(id),
      ['ZSCORE', keys.delta(), `d:${id}`],
      ['ZSCORE', keys.author(ann.id), id],
      ['ZSCORE', keys.timeline(ann.id), id],
    ])
    expect(parsePost(id, post)).toBe(DELETED)
    expect(delta).not.toBeNull()
    expect([list, timeline]).toEqual([null, null])
    expect(await outboxOf(id, 'post.deleted')).toEqual([
      expect.objectContaining({ data: { postId: id, userId: ann.id, version: 2 } }),
    ])
    expect((await call(`GET /v1/posts/${id}`, { token: ann.token })).status).toBe(404)
  })

  it('is the author’s alone: 403 for who sees it, 404 for who does not', async () => {
    const [ann, bob, priv] = [await person(), await person(), await person({ isPrivate: true })]
    const [anns, hidden] = [await publish(ann), await publish(priv)]
    expect(await call(`DELETE /v1/posts/${anns}`, { token: bob.token })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    })
    expect((await call(`DELETE /v1/posts/${hidden}`, { token: bob.token })).status).toBe(404)
    expect((await call('DELETE /v1/posts/123', { token: bob.token })).status).toBe(404)
    expect((await call(`DELETE /v1/posts/${anns}`)).status).toBe(401)
    expect((await call(`GET /v1/posts/${anns}`)).status).toBe(200)
  })
})

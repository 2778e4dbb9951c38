import { describe, expect, it } from 'vitest'
import { away, call, keptQueue, person, publish } from '../testing.ts'

type Page<T> = { items: T[]; cursor: string | null }

describe('likes', () => {
  it('count once a person, can be taken back, and are listed newest first', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const like = () => call(`POST /v1/posts/${id}/like`, { token: bob.token })
    expect(await like()).toMatchObject({ status: 200, body: { liked: true, changed: true } })
    expect(await like()).toMatchObject({ status: 200, body: { liked: true, changed: false } })
    await call(`POST /v1/posts/${id}/like`, { token: ann.token })
    const likes = await call<Page<{ person: { id: string } }>>(`GET /v1/posts/${id}/likes`)
    expect(likes.body.items.map((item) => item.person.id)).toEqual([ann.id, bob.id])
    expect(await call(`DELETE /v1/posts/${id}/like`, { token: bob.token })).toMatchObject({
      status: 200,
      body: { liked: false, changed: true },
    })
    expect((await call<Page<unknown>>(`GET /v1/posts/${id}/likes`)).body.items).toHaveLength(1)
  })

  it('show on the post for who made them', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    await call(`POST /v1/posts/${id}/like`, { token: bob.token })
    expect(await call(`GET /v1/posts/${id}`, { token: bob.token })).toMatchObject({ body: { liked: true } })
    expect(await call(`GET /v1/posts/${id}`, { token: ann.token })).toMatchObject({ body: { liked: false } })
  })

  it('are 404 on what one may not see, and 401 without signing in', async () => {
    const [ann, eve, priv] = [await person(), await person(), await person({ isPrivate: true })]
    const [anns, privs] = [await publish(ann), await publish(priv)]
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    for (const id of [anns, privs, '123']) {
      expect((await call(`POST /v1/posts/${id}/like`, { token: eve.token })).status).toBe(404)
      expect((await call(`POST /v1/posts/${id}/comments`, { token: eve.token, body: { body: 'hi' } })).status).toBe(404)
      expect((await call(`POST /v1/posts/${id}/share`, { token: eve.token })).status).toBe(404)
    }
    expect((await call(`POST /v1/posts/${anns}/like`)).status).toBe(401)
  })

  it('stop at once when the author deletes the post or blocks, though Redis had known it', async () => {
    const [ann, eve] = [await person(), await person()]
    const [first, second] = [await publish(ann), await publish(ann)]
    for (const id of [first, second]) await call(`POST /v1/posts/${id}/like`, { token: eve.token })
    await call(`DELETE /v1/posts/${first}`, { token: ann.token })
    expect((await call(`POST /v1/posts/${first}/like`, { token: eve.token })).status).toBe(404)
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    expect((await call(`POST /v1/posts/${second}/like`, { token: eve.token })).status).toBe(404)
  })

  it('are kept in the queue while the origin is away, under the instant at which they were made', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const { queue, messages } = keptQueue()
    const more = { token: bob.token, env: { ...away.origin, DEFERRED_WRITES: queue } }
    expect(await call(`POST /v1/posts/${id}/like`, more)).toMatchObject({ status: 202, body: { status: 'accepted' } })
    expect(await call(`DELETE /v1/posts/${id}/like`, more)).toMatchObject({ status: 202 })
    expect(await call(`POST /v1/posts/${id}/share`, more)).toMatchObject({ status: 202 })
    expect(messages).toMatchObject([
      { kind: 'engagement.like', input: { postId: id, authorId: ann.id, userId: bob.id, at: expect.any(Number) } },
      { kind: 'engagement.unlike' },
      { kind: 'engagement.share' },
    ])
  })

  it('are refused with 503 when the queue is away too', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const env = { ...away.origin, ...away.deferred }
    expect((await call(`POST /v1/posts/${id}/like`, { token: bob.token, env })).status).toBe(503)
  })

  it('answer the same under one key, and 422 when the key is used for another post', async () => {
    const [ann, bob] = [await person(), await person()]
    const [first, second] = [await publish(ann), await publish(ann)]
    const more = { token: bob.token, headers: { 'idempotency-key': 'tap-1' } }
    expect(await call(`POST /v1/posts/${first}/like`, more)).toMatchObject({ body: { changed: true } })
    expect(await call(`POST /v1/posts/${first}/like`, more)).toMatchObject({ body: { changed: true } })
    expect((await call(`POST /v1/posts/${second}/like`, more)).status).toBe(422)
  })
})

describe('shares', () => {
  it('count once a person', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const share = () => call(`POST /v1/posts/${id}/share`, { token: bob.token })
    expect(await share()).toMatchObject({ status: 200, body: { shared: true, changed: true } })
    expect(await share()).toMatchObject({ status: 200, body: { changed: false } })
  })
})

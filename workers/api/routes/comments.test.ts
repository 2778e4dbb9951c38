import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { findIdempotent, IN_FLIGHT } from '#drizzle/queries/idempotency.ts'
import {
  type Answered,
  away,
  call,
  deliver,
  keptQueue,
  nextIdIs,
  person,
  publish,
  services,
  type TestPerson,
} from '../testing.ts'

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

type Page<T> = { items: T[]; cursor: string | null }
interface CommentAnswer {
  id: string
  author: { id: string; username: string }
  body: string
  parentId: string | null
}

const comment = (token: string, postId: string, body: unknown, more = {}): Promise<Answered<CommentAnswer>> =>
  call<CommentAnswer>(`POST /v1/posts/${postId}/comments`, { token, body, ...more })

/** A post about which Postgres need not be asked: its author is known to the isolate or to Redis. */
async function knownPost(author: TestPerson, reader: TestPerson): Promise<string> {
  const id = await publish(author)
  await call(`POST /v1/posts/${id}/like`, { token: reader.token })
  await services.redis.pipeline([
    ['SADD', keys.hidden(reader.id), '~'],
    ['HSET', keys.user(author.id), 'username', author.username, 'is_private', 0],
  ])
  return id
}

const reservedUnder = async (user: TestPerson, key: string): Promise<string> => {
  const rows = await services.db.query<{ response: string; status: number }>(findIdempotent({ userId: user.id, key }))
  expect(rows).toMatchObject([{ status: IN_FLIGHT }])
  return rows[0]!.response
}

describe('comments', () => {
  it('are written, listed with their authors, answered and deleted', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const first = await comment(bob.token, id, { body: '  What a boat!  ' })
    expect(first).toMatchObject({
      status: 201,
      body: { body: 'What a boat!', author: { id: bob.id, username: bob.username } },
    })
    const reply = await comment(ann.token, id, { body: 'Thanks', parentId: first.body.id })
    expect(reply.status).toBe(201)
    const all = await call<Page<CommentAnswer>>(`GET /v1/posts/${id}/comments`)
    expect(all.body.items).toMatchObject([{ id: first.body.id, hasReplies: true }])
    const replies = await call<Page<CommentAnswer>>(`GET /v1/posts/${id}/comments?parentId=${first.body.id}`)
    expect(replies.body.items.map((item) => item.id)).toEqual([reply.body.id])
    expect((await call(`DELETE /v1/posts/${id}/comments/${reply.body.id}`, { token: ann.token })).status).toBe(204)
  })

  it('are deleted by their author or the post’s, by nobody else', async () => {
    const [ann, bob, eve] = [await person(), await person(), await person()]
    const id = await publish(ann)
    const { body } = await comment(bob.token, id, { body: 'mine' })
    const verb = `DELETE /v1/posts/${id}/comments/${body.id}`
    expect((await call(verb, { token: eve.token })).status).toBe(403)
    expect((await call(verb)).status).toBe(401)
    expect((await call(`DELETE /v1/posts/${id}/comments/123`, { token: bob.token })).status).toBe(404)
    expect((await call(verb, { token: ann.token })).status).toBe(204)
  })

  it('are edited by their author, by nobody else, and not once deleted', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const { body } = await comment(bob.token, id, { body: 'frist' })
    const path = `/v1/posts/${id}/comments/${body.id}`
    const edit = (token: string, text: string, more = {}) =>
      call(`PATCH ${path}`, { token, body: { body: text }, ...more })
    expect(await edit(bob.token, ' first ')).toMatchObject({
      status: 200,
      body: { id: body.id, body: 'first', author: { id: bob.id }, editedAt: expect.any(String) },
    })
    const seen = await call<Page<CommentAnswer>>(`GET /v1/posts/${id}/comments`)
    expect(seen.body.items).toMatchObject([{ body: 'first', editedAt: expect.any(String) }])
    expect((await edit(ann.token, 'mine')).status).toBe(403)
    expect((await edit(bob.token, '   ')).status).toBe(400)
    expect((await call(`PATCH ${path}`, { body: { body: 'x' } })).status).toBe(401)
    const { queue, messages } = keptQueue()
    const later = await edit(bob.token, 'later', { env: { ...away.origin, DEFERRED_WRITES: queue } })
    expect(later).toMatchObject({ status: 202, body: { id: body.id } })
    expect(messages).toMatchObject([
      { kind: 'engagement.editComment', input: { body: 'later', at: expect.any(Number) } },
    ])
    await call(`DELETE ${path}`, { token: bob.token })
    expect((await edit(bob.token, 'risen')).status).toBe(404)
  })

  it('of people whom the viewer has blocked are not listed', async () => {
    const [ann, bob, eve] = [await person(), await person(), await person()]
    const id = await publish(ann)
    await comment(eve.token, id, { body: 'spam' })
    await comment(bob.token, id, { body: 'nice' })
    await call(`PUT /v1/users/${eve.id}/block`, { token: bob.token })
    const seen = await call<Page<CommentAnswer>>(`GET /v1/posts/${id}/comments`, { token: bob.token })
    expect(seen.body.items.map((item) => item.body)).toEqual(['nice'])
  })

  it('are one comment under one key, however often and at once', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const more = { headers: { 'idempotency-key': crypto.randomUUID() } }
    const tries = await Promise.all([1, 2, 3].map(() => comment(bob.token, id, { body: 'once' }, more)))
    tries.push(await comment(bob.token, id, { body: 'once' }, more))
    expect(new Set(tries.map((answer) => answer.body.id)).size).toBe(1)
    expect((await call<Page<unknown>>(`GET /v1/posts/${id}/comments`)).body.items).toHaveLength(1)
    expect((await comment(bob.token, id, { body: 'twice' }, more)).status).toBe(422)
  })

  it('keep the id that a key was promised while Postgres was away', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await knownPost(ann, bob)
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const { queue, messages } = keptQueue()
    const env = { ...away.postgres, ...away.origin, DEFERRED_WRITES: queue }
    const promised = await comment(bob.token, id, { body: 'once' }, { headers, env })
    expect(promised.status).toBe(202)
    expect(messages).toHaveLength(1)
    const back = await comment(bob.token, id, { body: 'once' }, { headers })
    expect(back).toMatchObject({ status: 201, body: { id: promised.body.id } })
  })

  it('are one comment when the answer was lost after the store had it, and the key is used again', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const key = crypto.randomUUID()
    const headers = { 'idempotency-key': key }
    const lost = { headers, env: { ...away.origin, ...away.deferred } }
    expect((await comment(bob.token, id, { body: 'once' }, lost)).status).toBe(503)
    const commentId = await reservedUnder(bob, key)
    const input = { postId: id, commentId, userId: bob.id, authorId: ann.id, parentId: null, body: 'once' }
    await services.origin.call('engagement.comment', input, { requestId: 'r', traceparent: TRACE })
    // A refusal in between says nothing about the first try.
    await call(`PUT /v1/users/${bob.id}/block`, { token: ann.token })
    expect((await comment(bob.token, id, { body: 'once' }, { headers })).status).toBe(404)
    await call(`DELETE /v1/users/${bob.id}/block`, { token: ann.token })
    const retried = await comment(bob.token, id, { body: 'once' }, { headers })
    expect(retried).toMatchObject({ status: 201, body: { id: commentId } })
    expect((await call<Page<unknown>>(`GET /v1/posts/${id}/comments`)).body.items).toHaveLength(1)
  })

  it('keep the id of the first try when Postgres is away at the second', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await knownPost(ann, bob)
    const key = crypto.randomUUID()
    const headers = { 'idempotency-key': key }
    const lost = { headers, env: { ...away.origin, ...away.deferred } }
    expect((await comment(bob.token, id, { body: 'once' }, lost)).status).toBe(503)
    const { queue } = keptQueue()
    const env = { ...away.postgres, ...away.origin, DEFERRED_WRITES: queue }
    const promised = await comment(bob.token, id, { body: 'once' }, { headers, env })
    expect(promised).toMatchObject({ status: 202, body: { id: await reservedUnder(bob, key) } })
  })

  it.each([
    ['Postgres, its retry Redis', { ...away.redis, ...away.origin }, away.postgres],
    ['Redis, its retry Postgres', away.postgres, away.redis],
    ['neither, nor its retry', { ...away.postgres, ...away.redis }, { ...away.postgres, ...away.redis }],
  ])('are one comment where a try reached only %s', async (_, first, second) => {
    const [ann, bob] = [await person(), await person()]
    const id = await knownPost(ann, bob)
    const { queue, messages } = keptQueue()
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const promised: string[] = []
    for (const without of [first, second]) {
      const env = { ...without, DEFERRED_WRITES: queue }
      // With both away nobody can say whose post this is: nothing was accepted.
      const answer = await comment(bob.token, id, { body: 'once' }, { headers, env })
      if (answer.status !== 503) promised.push(answer.body.id)
    }
    expect(await deliver(messages, 'deferred-writes')).toEqual(messages.map(() => 'done'))
    const kept = (await call<Page<CommentAnswer>>(`GET /v1/posts/${id}/comments`)).body.items
    expect(kept).toHaveLength(promised.length > 0 ? 1 : 0)
    const again = await comment(bob.token, id, { body: 'once' }, { headers })
    expect([201, 202]).toContain(again.status)
    expect((await call<Page<unknown>>(`GET /v1/posts/${id}/comments`)).body.items).toHaveLength(1)
    // Whichever id was promised, its author can take the comment back under it.
    const last = promised.at(-1) ?? again.body.id
    expect((await call(`DELETE /v1/posts/${id}/comments/${last}`, { token: bob.token })).status).toBe(204)
    expect((await call<Page<unknown>>(`GET /v1/posts/${id}/comments`)).body.items).toHaveLength(0)
  })

  it('wait in the queue under a key while Postgres is away: it alone knows what the key stands for', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await knownPost(ann, bob)
    const { queue, messages } = keptQueue()
    const env = { ...away.postgres, DEFERRED_WRITES: queue }
    const headers = { 'idempotency-key': crypto.randomUUID() }
    expect((await comment(bob.token, id, { body: 'keyed' }, { headers, env })).status).toBe(202)
    expect(messages).toMatchObject([{ idempotencyKey: headers['idempotency-key'], requestHash: expect.any(String) }])
  })

  it.each([
    ['without a key', {}],
    ['under a key', { 'idempotency-key': 'taken-1' }],
  ])(
    'are kept under a new id when the promised one is somebody else’s, and found under both: %s',
    async (_, headers) => {
      const [ann, bob] = [await person(), await person()]
      const id = await publish(ann)
      const { queue, messages } = keptQueue()
      const env = { ...away.origin, DEFERRED_WRITES: queue }
      const later = await comment(bob.token, id, { body: 'second' }, { headers, env })
      expect(later.status).toBe(202)
      const taken = later.body.id
      await services.db.query(sql`INSERT INTO comments (post_id, comment_id, user_id, body)
      VALUES (${id}::bigint, ${taken}::bigint, ${ann.id}::bigint, 'first')`)
      for (let round = 0; round < 2; round++) expect(await deliver(messages, 'deferred-writes')).toEqual(['done'])
      const items = async () => (await call<Page<CommentAnswer>>(`GET /v1/posts/${id}/comments`)).body.items
      expect((await items()).map((item) => [item.author.id, item.body])).toEqual([
        [bob.id, 'second'],
        [ann.id, 'first'],
      ])
      expect((await call(`DELETE /v1/posts/${id}/comments/${taken}`, { token: bob.token })).status).toBe(204)
      expect((await items()).map((item) => item.author.id)).toEqual([ann.id])
    },
  )

  it('leave the key free when the first try was refused', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const more = { headers: { 'idempotency-key': crypto.randomUUID() } }
    expect((await comment(bob.token, id, { body: 'reply', parentId: '123' }, more)).status).toBe(404)
    expect((await comment(bob.token, id, { body: 'no reply' }, more)).status).toBe(201)
  })

  it('take a new id when the first is somebody else’s, and keep that one under their key', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const taken = (await comment(ann.token, id, { body: 'first' })).body.id
    const more = { headers: { 'idempotency-key': crypto.randomUUID() } }
    nextIdIs(taken)
    const made = await comment(bob.token, id, { body: 'second' }, more)
    expect(made).toMatchObject({ status: 201, body: { body: 'second', author: { id: bob.id } } })
    expect((await comment(bob.token, id, { body: 'second' }, more)).body.id).toBe(made.body.id)
    expect((await call<Page<unknown>>(`GET /v1/posts/${id}/comments`)).body.items).toHaveLength(2)
  })

  it('are kept in the queue under their final id while the origin is away', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(ann)
    const { queue, messages } = keptQueue()
    const answer = await comment(bob.token, id, { body: 'later' }, { env: { ...away.origin, DEFERRED_WRITES: queue } })
    expect(answer).toMatchObject({ status: 202, body: { status: 'accepted' } })
    expect(messages).toMatchObject([
      { kind: 'engagement.comment', input: { commentId: answer.body.id, body: 'later' } },
    ])
  })

  it.each([
    [{}],
    [{ body: '   ' }],
    [{ body: 'x'.repeat(2_201) }],
    [{ body: 'x', parentId: 'no' }],
    [{ body: 'x', html: 1 }],
  ])('refuse %j', async (body) => {
    const ann = await person()
    expect((await comment(ann.token, await publish(ann), body)).status).toBe(400)
  })
})

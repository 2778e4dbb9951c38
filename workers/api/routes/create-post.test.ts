import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { idShard } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { parsePost, readPost } from '#core/timeline/index.ts'
import { away, call, deliver, keptQueue, outboxOf, type PostAnswer, person, picture, services } from '../testing.ts'

const publish = (token: string, body: unknown, more: Parameters<typeof call>[1] = {}) =>
  call<PostAnswer>('POST /v1/posts', { token, body, ...more })

describe('publishing a post', () => {
  it('answers the post, with its media in order and its hashtags', async () => {
    const ann = await person()
    const [first, second] = [await picture(ann.id), await picture(ann.id)]
    const answer = await publish(ann.token, { caption: 'At the #Harbour', mediaIds: [second, first] })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe(`/v1/posts/${answer.body.id}`)
    expect(answer.body).toMatchObject({ author: { id: ann.id, username: ann.username }, hashtags: ['harbour'] })
    expect(answer.body.media.map((item) => item.id)).toEqual([second, first])
    expect(answer.body.media[0]?.urls.medium).toMatch(new RegExp(`^/img/.+/media/${second}/abc.jpg$`))
    expect(idShard(answer.body.id)).toBe(idShard(ann.id))
    const read = await call<PostAnswer>(`GET /v1/posts/${answer.body.id}`)
    expect(read).toMatchObject({ status: 200, body: { ...answer.body } })
  })

  it('lays one event into the outbox and sends the very same event to the queue', async () => {
    const ann = await person()
    const { queue, messages } = keptQueue()
    const { body } = await publish(ann.token, { caption: '#one' }, { env: { EVENTS: queue } })
    const events = await outboxOf(body.id, 'post.created')
    expect(events).toHaveLength(1)
    expect(messages).toEqual(events)
    expect(events[0]?.data).toEqual({
      postId: body.id,
      userId: ann.id,
      version: 1,
      awaitsMedia: false,
      hashtags: ['one'],
    })
  })

  it('shows in Redis before the answer: the post, the author’s list and their own timeline', async () => {
    const ann = await person()
    const { body } = await publish(ann.token, { caption: 'hello' })
    const [post, list, timeline] = await services.redis.pipeline([
      readPost(body.id),
      ['ZSCORE', keys.author(ann.id), body.id],
      ['ZSCORE', keys.timeline(ann.id), body.id],
    ])
    expect(parsePost(body.id, post)).toMatchObject({ post: { userId: ann.id, caption: 'hello', awaitsMedia: false } })
    expect([list, timeline]).not.toContain(null)
  })

  it('waits for a video that has no rendition yet: only its author sees it', async () => {
    const [ann, bob] = [await person(), await person()]
    const video = await picture(ann.id, 'uploaded', 'video/mp4')
    const { body } = await publish(ann.token, { mediaIds: [video] })
    expect(body).toMatchObject({ awaitsMedia: true })
    expect((await outboxOf(body.id, 'post.created'))[0]?.data).toMatchObject({ awaitsMedia: true })
    expect((await call(`GET /v1/posts/${body.id}`, { token: ann.token })).status).toBe(200)
    expect((await call(`GET /v1/posts/${body.id}`, { token: bob.token })).status).toBe(404)
  })

  it('counts the author’s posts', async () => {
    const ann = await person()
    const { body } = await publish(ann.token, { caption: 'one' })
    await publish(ann.token, { caption: 'two' })
    await call(`DELETE /v1/posts/${body.id}`, { token: ann.token })
    const me = await call<{ postCount: number }>('GET /v1/me', { token: ann.token })
    expect(me.body.postCount).toBe(1)
  })

  it('succeeds with Redis and the event queue away: both are repaired from the outbox', async () => {
    const ann = await person()
    const answer = await publish(ann.token, { caption: 'x' }, { env: { ...away.redis, ...away.events } })
    expect(answer.status).toBe(201)
    expect(await outboxOf(answer.body.id, 'post.created')).toHaveLength(1)
  })
})

describe('a post that cannot be', () => {
  it('changes nothing when a media is somebody else’s, used, not uploaded or unknown, and says which', async () => {
    const [ann, bob] = [await person(), await person()]
    const good = await picture(ann.id)
    const used = await picture(ann.id)
    await publish(ann.token, { mediaIds: [used] })
    const bad = [await picture(bob.id), used, await picture(ann.id, 'awaiting_upload'), '12345']
    for (const mediaId of bad) {
      const answer = await call('POST /v1/posts', { token: ann.token, body: { mediaIds: [good, mediaId] } })
      expect(answer).toMatchObject({ status: 422, body: { code: 'media-unusable' } })
      expect(answer.body.errors).toEqual([{ pointer: '/mediaIds/1', detail: expect.any(String) }])
    }
    const [row] = await services.db.query<{ post_id: string | null }>(
      sql`SELECT post_id FROM media WHERE media_id = ${good}::bigint`,
    )
    expect(row?.post_id).toBeNull()
    expect((await call<{ postCount: number }>('GET /v1/me', { token: ann.token })).body.postCount).toBe(1)
  })

  it.each([
    ['empty', {}],
    ['only blanks', { caption: '   ' }],
    ['too long', { caption: 'x'.repeat(2_201) }],
    ['with a media twice', { mediaIds: ['1', '1'] }],
    ['with eleven media', { mediaIds: Array.from({ length: 11 }, (_, i) => String(i + 1)) }],
  ])('is refused when it is %s', async (_, body) => {
    const ann = await person()
    expect(await call('POST /v1/posts', { token: ann.token, body })).toMatchObject({ status: 400 })
  })

  it('needs a signed-in author whose account stands', async () => {
    const ann = await person()
    expect((await call('POST /v1/posts', { body: { caption: 'x' } })).status).toBe(401)
    await services.db.query(sql`UPDATE users SET deleted_at = now() WHERE user_id = ${ann.id}::bigint`)
    expect((await publish(ann.token, { caption: 'x' })).status).toBe(401)
  })
})

describe('an Idempotency-Key', () => {
  const headers = () => ({ 'idempotency-key': crypto.randomUUID() })

  it('makes one post of many tries, also at the same time, and answers the same each time', async () => {
    const ann = await person()
    const more = { headers: headers() }
    const body = { caption: 'once', mediaIds: [await picture(ann.id)] }
    const answers = await Promise.all(Array.from({ length: 4 }, () => publish(ann.token, body, more)))
    const later = await publish(ann.token, body, more)
    expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201, 201])
    expect(new Set([...answers, later].map((answer) => JSON.stringify(answer.body))).size).toBe(1)
    expect(later.headers.get('idempotency-replayed')).toBe('true')
    const [row] = await services.db.query<{ n: string }>(
      sql`SELECT count(*) AS n FROM posts WHERE user_id = ${ann.id}::bigint`,
    )
    expect(Number(row?.n)).toBe(1)
  })

  it('is refused for another body, and is each person’s own', async () => {
    const [ann, bob] = [await person(), await person()]
    const more = { headers: headers() }
    const first = await publish(ann.token, { caption: 'a' }, more)
    const other = await call('POST /v1/posts', { token: ann.token, body: { caption: 'b' }, ...more })
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } })
    const bobs = await publish(bob.token, { caption: 'a' }, more)
    expect(bobs.status).toBe(201)
    expect(bobs.body.id).not.toBe(first.body.id)
  })

  it('is free again when nothing was made under it', async () => {
    const ann = await person()
    const more = { headers: headers() }
    expect((await publish(ann.token, { mediaIds: ['12345'] }, more)).status).toBe(422)
    expect((await publish(ann.token, { caption: 'now' }, more)).status).toBe(201)
  })

  it('is forgotten after a day', async () => {
    const ann = await person()
    const more = { headers: headers() }
    const first = await publish(ann.token, { caption: 'a' }, more)
    await services.db.query(
      sql`UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE user_id = ${ann.id}::bigint`,
    )
    const second = await publish(ann.token, { caption: 'b' }, more)
    expect(second.status).toBe(201)
    expect(second.body.id).not.toBe(first.body.id)
  })
})

describe('publishing with Postgres away', () => {
  it('is accepted with the final id and kept in the queue, hashtags and all', async () => {
    const ann = await person()
    const { queue, messages } = keptQueue()
    const env = { ...away.postgres, DEFERRED_WRITES: queue }
    const answer = await call<{ status: string; id: string }>('POST /v1/posts', {
      token: ann.token,
      body: { caption: 'kept #safe' },
      env,
    })
    expect(answer).toMatchObject({ status: 202, body: { status: 'accepted' } })
    expect(messages).toEqual([
      expect.objectContaining({
        kind: 'post.create',
        postId: answer.body.id,
        userId: ann.id,
        caption: 'kept #safe',
        hashtags: ['safe'],
      }),
    ])
  })

  it('promises one id a key, also to tries at the same time, and refuses another body under it', async () => {
    const ann = await person()
    const { queue, messages } = keptQueue()
    const more = { token: ann.token, headers: { 'idempotency-key': crypto.randomUUID() } }
    const env = { ...away.postgres, DEFERRED_WRITES: queue }
    const tries = await Promise.all(
      [1, 2, 3].map(() => call<{ id: string }>('POST /v1/posts', { ...more, body: { caption: 'a' }, env })),
    )
    expect(new Set(tries.map((answer) => answer.body.id)).size).toBe(1)
    expect(new Set(messages.map((message) => (message as { postId: string }).postId)).size).toBe(1)
    expect(await call('POST /v1/posts', { ...more, body: { caption: 'b' }, env })).toMatchObject({ status: 422 })
  })

  it('answers 503 when the queue is away too: nothing was accepted', async () => {
    const ann = await person()
    const env = { ...away.postgres, ...away.deferred }
    const answer = await call('POST /v1/posts', { token: ann.token, body: { caption: 'x' }, env })
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
  })

  it.each([
    ['Postgres, its retry Redis', away.redis, away.postgres],
    ['Redis, its retry Postgres', away.postgres, away.redis],
    ['neither, nor its retry', { ...away.postgres, ...away.redis }, { ...away.postgres, ...away.redis }],
  ])('makes one post where a try reached only %s', async (_, first, second) => {
    const ann = await person()
    const { queue, messages } = keptQueue()
    const more = { token: ann.token, headers: { 'idempotency-key': crypto.randomUUID() }, body: { caption: 'once' } }
    const ids: string[] = []
    for (const without of [first, second]) {
      const env = { ...without, DEFERRED_WRITES: queue }
      const answer = await call<{ id: string }>('POST /v1/posts', { ...more, env })
      expect([201, 202]).toContain(answer.status)
      ids.push(answer.body.id)
    }
    expect(await deliver(messages, 'deferred-writes')).toEqual(messages.map(() => 'done'))
    const rows = await services.db.query<{ id: string }>(
      sql`SELECT post_id::text AS id FROM posts WHERE user_id = ${ann.id}::bigint`,
    )
    expect(rows).toHaveLength(1)
    for (const id of ids) expect((await call<PostAnswer>(`GET /v1/posts/${id}`)).body.id).toBe(rows[0]?.id)
  })
})

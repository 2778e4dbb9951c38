import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { parseEvent } from '#core/events.ts'
import { away, call, keptQueue, person, publish, services } from '../testing.ts'

type Page<T> = { items: T[]; cursor: string | null }

describe('notifications', () => {
  const tell = (to: string, from: string) => {
    const id = services.ids.next(0)
    return services.db.query(sql`INSERT INTO notifications (notification_id, user_id, kind, actor_id, dedupe_key)
      VALUES (${id}::bigint, ${to}::bigint, 'follow', ${from}::bigint, ${`test:${id}`})`)
  }

  it('are one’s own, newest first, and read once one says so: up to what one has looked at', async () => {
    const [ann, bob, eve] = [await person(), await person(), await person()]
    await tell(ann.id, bob.id)
    await tell(ann.id, eve.id)
    await tell(bob.id, eve.id)
    const list = () =>
      call<Page<{ id: string; actor: { id: string }; read: boolean }>>('GET /v1/notifications', { token: ann.token })
    const first = await list()
    expect(first.body.items.map((item) => [item.actor.id, item.read])).toEqual([
      [eve.id, false],
      [bob.id, false],
    ])
    const read = async () => (await list()).body.items.map((item) => item.read)
    expect(await read()).toEqual([false, false])
    const mark = (upTo: unknown, who = ann.token) => call('PUT /v1/notifications/read', { token: who, body: { upTo } })
    const [newest, before] = first.body.items
    expect((await mark(before?.id)).status).toBe(204)
    expect(await read()).toEqual([false, true])
    // Somebody else's word marks nothing of one's own; one's own does so once, and to no harm again.
    expect((await mark(newest?.id, bob.token)).status).toBe(204)
    expect(await read()).toEqual([false, true])
    for (const again of [1, 2]) expect([again, (await mark(newest?.id)).status]).toEqual([again, 204])
    await tell(ann.id, bob.id)
    expect(await read()).toEqual([false, true, true])
    for (const wrong of ['x', null]) expect((await mark(wrong)).status).toBe(400)
    expect((await call('PUT /v1/notifications/read', { body: { upTo: '1' } })).status).toBe(401)
    expect((await call('GET /v1/notifications')).status).toBe(401)
  })

  it('leave out who is blocked or muted', async () => {
    const [ann, bob, eve] = [await person(), await person(), await person()]
    await tell(ann.id, bob.id)
    await tell(ann.id, eve.id)
    await call(`PUT /v1/users/${bob.id}/mute`, { token: ann.token })
    await call(`PUT /v1/users/${eve.id}/block`, { token: ann.token })
    expect((await call<Page<unknown>>('GET /v1/notifications', { token: ann.token })).body.items).toEqual([])
  })
})

describe('signals', () => {
  it('become events that the consumers understand', async () => {
    const ann = await person()
    const { queue, messages } = keptQueue()
    const body = { seen: ['11', '12', '11'], ads: [{ campaignId: '7', kind: 'click' }] }
    const answer = await call('POST /v1/signals', { token: ann.token, body, env: { EVENTS: queue } })
    expect(answer.status).toBe(202)
    const events = messages.map(parseEvent)
    expect(events.map((event) => event.type).sort()).toEqual(['ad.signal', 'signal.seen'])
    const seen = events.find((event) => event.type === 'signal.seen')
    expect(seen).toMatchObject({ actor: ann.id, key: ann.id, data: { userId: ann.id, postIds: ['11', '12'] } })
  })

  it('under one key are the same events again, each with an id of its own, however long the key', async () => {
    const ann = await person()
    const body = { ads: ['7', '8', '9'].map((campaignId) => ({ campaignId, kind: 'impression' })) }
    const idsUnder = async (key: string) => {
      const { queue, messages } = keptQueue()
      const more = { headers: { 'idempotency-key': key }, env: { EVENTS: queue } }
      expect((await call('POST /v1/signals', { token: ann.token, body, ...more })).status).toBe(202)
      return messages.map((message) => parseEvent(message).id)
    }
    const long = 'k'.repeat(254)
    const [first, again, other] = [await idsUnder(`${long}1`), await idsUnder(`${long}1`), await idsUnder(`${long}2`)]
    expect(again).toEqual(first)
    expect(new Set([...first, ...other]).size).toBe(6)
  })

  it.each([
    [{}],
    [{ seen: [] }],
    [{ seen: ['x'] }],
    [{ seen: Array(201).fill('1') }],
    [{ ads: [{ campaignId: '7', kind: 'view' }] }],
  ])('refuse %j', async (body) => {
    expect((await call('POST /v1/signals', { token: (await person()).token, body })).status).toBe(400)
  })

  it('need to be signed in, and say when they could not be kept', async () => {
    const body = { seen: ['1'] }
    expect((await call('POST /v1/signals', { body })).status).toBe(401)
    expect((await call('POST /v1/signals', { token: (await person()).token, body, env: away.events })).status).toBe(503)
  })
})

describe('reports', () => {
  it('are filed about what is there, once a key', async () => {
    const [ann, bob] = [await person(), await person()]
    const id = await publish(bob)
    const report = (subject: unknown, headers = {}) =>
      call<{ id: string }>('POST /v1/reports', { token: ann.token, body: { subject, reason: 'spam' }, headers })
    const headers = { 'idempotency-key': 'report-1' }
    const first = await report({ kind: 'post', id }, headers)
    expect(first).toMatchObject({ status: 201, body: { state: 'open' } })
    expect((await report({ kind: 'post', id }, headers)).body).toEqual(first.body)
    expect((await report({ kind: 'user', id: bob.id }, headers)).status).toBe(422)
    expect((await report({ kind: 'user', id: bob.id })).status).toBe(201)
    expect((await report({ kind: 'user', id: '123' })).status).toBe(404)
    expect((await report({ kind: 'planet', id: '1' })).status).toBe(400)
    const rows = await services.db.query(sql`SELECT 1 FROM reports WHERE reporter_id = ${ann.id}::bigint`)
    expect(rows).toHaveLength(2)
  })

  it('do not tell whether there is a post that one may not see', async () => {
    const [ann, eve] = [await person({ isPrivate: true }), await person()]
    const id = await publish(ann)
    const missing = services.ids.next(0)
    const statuses = []
    for (const post of [id, missing]) {
      const body = { subject: { kind: 'post', id: post }, reason: 'spam' }
      statuses.push((await call('POST /v1/reports', { token: eve.token, body })).status)
    }
    expect(statuses).toEqual([201, 201])
    const rows = await services.db.query<{ subject_id: string }>(
      sql`SELECT subject_id::text FROM reports WHERE reporter_id = ${eve.id}::bigint`,
    )
    expect(rows.map((row) => row.subject_id)).toEqual([id])
  })
})

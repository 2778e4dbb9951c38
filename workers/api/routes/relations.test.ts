import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { TidelineEvent } from '#core/events.ts'
import { keys } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { away, call, keptQueue, outboxOf, person, services, type TestPerson } from '../testing.ts'

type Person = { id: string }
type Page<T> = { items: T[]; cursor: string | null }

/** hidden:{u} as it stands after a rebuild: known, and empty. */
async function knownHidden(user: TestPerson): Promise<void> {
  await services.redis.pipeline([['SADD', keys.hidden(user.id), '~']])
}
async function hiddenOf(user: TestPerson): Promise<string[]> {
  const [members] = await services.redis.pipeline([['SMEMBERS', keys.hidden(user.id)]])
  return strings(members).sort()
}
const follow = (who: TestPerson, whom: Person, env = {}) =>
  call<{ state: string }>(`PUT /v1/users/${whom.id}/follow`, { token: who.token, env })

describe('a follow', () => {
  it('is one row and one event, however often it is repeated', async () => {
    const [ann, bob] = [await person(), await person()]
    const { queue, messages } = keptQueue()
    for (let i = 0; i < 3; i++) {
      expect(await follow(ann, bob, { EVENTS: queue })).toMatchObject({ status: 200, body: { state: 'active' } })
    }
    const events = await outboxOf(bob.id, 'follow.changed')
    expect(events).toHaveLength(1)
    expect(events[0]?.data).toEqual({ followerId: ann.id, followeeId: bob.id, state: 'active', version: 1 })
    expect(new Set((messages as TidelineEvent[]).map((event) => event.id))).toEqual(new Set([events[0]?.id]))
  })

  it('is one row also when it is made many times at once', async () => {
    const [ann, bob] = [await person(), await person()]
    const answers = await Promise.all(Array.from({ length: 6 }, () => follow(ann, bob)))
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200, 200])
    expect(await outboxOf(bob.id, 'follow.changed')).toHaveLength(1)
  })

  it('carries a newer version each time it changes, and the version of its row', async () => {
    const [ann, bob] = [await person(), await person()]
    await follow(ann, bob)
    await call(`DELETE /v1/users/${bob.id}/follow`, { token: ann.token })
    await call(`DELETE /v1/users/${bob.id}/follow`, { token: ann.token })
    await follow(ann, bob)
    const events = await outboxOf(bob.id, 'follow.changed')
    expect(events.map((event) => [event.data.state, event.data.version])).toEqual([
      ['active', 1],
      ['removed', 2],
      ['active', 3],
    ])
    const [row] = await services.db.query<{ version: string }>(
      sql`SELECT version FROM follows WHERE follower_id = ${ann.id}::bigint`,
    )
    expect(Number(row?.version)).toBe(3)
  })

  it('hides the author at once when it ends, where the hidden set is known, and shows them when it is renewed', async () => {
    const [ann, bob] = [await person(), await person()]
    await follow(ann, bob)
    await call(`DELETE /v1/users/${bob.id}/follow`, { token: ann.token })
    expect(await hiddenOf(ann)).toEqual([])
    await follow(ann, bob)
    await knownHidden(ann)
    await call(`DELETE /v1/users/${bob.id}/follow`, { token: ann.token })
    expect(await hiddenOf(ann)).toEqual([`u:${bob.id}`, '~'])
    await follow(ann, bob)
    expect(await hiddenOf(ann)).toEqual(['~'])
  })

  it('cannot be of oneself, of nobody, of who is blocked, nor without signing in', async () => {
    const [ann, bob] = [await person(), await person()]
    expect(await follow(ann, ann)).toMatchObject({ status: 422, body: { code: 'yourself' } })
    expect(await follow(ann, { id: '123' })).toMatchObject({ status: 404 })
    await call(`PUT /v1/users/${ann.id}/block`, { token: bob.token })
    expect(await follow(ann, bob)).toMatchObject({ status: 404 })
    expect(await follow(bob, ann)).toMatchObject({ status: 404 })
    expect((await call(`PUT /v1/users/${bob.id}/follow`)).status).toBe(401)
  })

  it('works with Redis and the event queue away, and says so when Postgres is', async () => {
    const [ann, bob] = [await person(), await person()]
    expect((await follow(ann, bob, { ...away.redis, ...away.events })).status).toBe(200)
    expect((await follow(ann, bob, away.postgres)).status).toBe(503)
  })
})

describe('following a private account', () => {
  it('asks first, and follows once it is granted', async () => {
    const [ann, bob] = [await person(), await person({ isPrivate: true })]
    expect((await follow(ann, bob)).body.state).toBe('requested')
    expect((await call(`GET /v1/users/${bob.id}/posts`, { token: ann.token })).status).toBe(403)
    const asked = await call<Page<Person>>('GET /v1/me/follow-requests', { token: bob.token })
    expect(asked.body.items.map((item) => item.id)).toEqual([ann.id])
    expect((await call(`PUT /v1/me/follow-requests/${ann.id}`, { token: bob.token })).status).toBe(204)
    expect((await call(`PUT /v1/me/follow-requests/${ann.id}`, { token: bob.token })).status).toBe(204)
    expect((await call(`GET /v1/users/${bob.id}/posts`, { token: ann.token })).status).toBe(200)
    expect((await call<Page<Person>>('GET /v1/me/follow-requests', { token: bob.token })).body.items).toEqual([])
    const states = (await outboxOf(bob.id, 'follow.changed')).map((event) => event.data.state)
    expect(states).toEqual(['requested', 'active'])
  })

  it('is refused by declining, and taken back by unfollowing', async () => {
    const [ann, eve, bob] = [await person(), await person(), await person({ isPrivate: true })]
    await follow(ann, bob)
    await follow(eve, bob)
    expect((await call(`DELETE /v1/me/follow-requests/${ann.id}`, { token: bob.token })).status).toBe(204)
    await call(`DELETE /v1/users/${bob.id}/follow`, { token: eve.token })
    expect((await call<Page<Person>>('GET /v1/me/follow-requests', { token: bob.token })).body.items).toEqual([])
    expect((await call(`PUT /v1/me/follow-requests/${eve.id}`, { token: bob.token })).status).toBe(404)
  })

  it('cannot be granted by the one who asks', async () => {
    const [ann, bob] = [await person(), await person({ isPrivate: true })]
    await follow(ann, bob)
    expect((await call(`PUT /v1/me/follow-requests/${ann.id}`, { token: ann.token })).status).toBe(404)
    expect((await call(`PUT /v1/me/follow-requests/${bob.id}`, { token: ann.token })).status).toBe(404)
    expect((await call(`GET /v1/users/${bob.id}/posts`, { token: ann.token })).status).toBe(403)
  })
})

describe('a block', () => {
  it('ends the follows of both directions and hides both from each other before it answers', async () => {
    const [ann, bob] = [await person(), await person()]
    await follow(ann, bob)
    await follow(bob, ann)
    await Promise.all([knownHidden(ann), knownHidden(bob)])
    const { queue, messages } = keptQueue()
    const answer = await call(`PUT /v1/users/${bob.id}/block`, { token: ann.token, env: { EVENTS: queue } })
    expect(answer.status).toBe(204)
    expect(await hiddenOf(ann)).toEqual([`b:${bob.id}`, `u:${bob.id}`, '~'])
    expect(await hiddenOf(bob)).toEqual([`b:${ann.id}`, `u:${ann.id}`, '~'])
    const types = (messages as TidelineEvent[]).map((event) => event.type).sort()
    expect(types).toEqual(['block.changed', 'follow.changed', 'follow.changed'])
    const rows = await services.db.query<{ state: string }>(
      sql`SELECT state FROM follows WHERE follower_id IN (${ann.id}::bigint, ${bob.id}::bigint)`,
    )
    expect(rows.map((row) => row.state)).toEqual(['removed', 'removed'])
    expect((await call(`GET /v1/users/${ann.username}`, { token: bob.token })).status).toBe(404)
    expect((await call(`GET /v1/users/${bob.username}`, { token: ann.token })).status).toBe(404)
  })

  it('that both set stays until both have lifted it', async () => {
    const [ann, bob] = [await person(), await person()]
    await Promise.all([knownHidden(ann), knownHidden(bob)])
    await call(`PUT /v1/users/${bob.id}/block`, { token: ann.token })
    await call(`PUT /v1/users/${ann.id}/block`, { token: bob.token })
    await call(`DELETE /v1/users/${bob.id}/block`, { token: ann.token })
    expect(await hiddenOf(ann)).toEqual([`b:${bob.id}`, `u:${bob.id}`, '~'])
    expect((await call(`GET /v1/users/${bob.username}`, { token: ann.token })).status).toBe(404)
    await call(`DELETE /v1/users/${ann.id}/block`, { token: bob.token })
    expect(await hiddenOf(ann)).toEqual([`u:${bob.id}`, '~'])
    expect((await call(`GET /v1/users/${bob.username}`, { token: ann.token })).status).toBe(200)
  })

  it('of nobody is 404, of oneself 422, and lifting what was never set is fine', async () => {
    const [ann, bob] = [await person(), await person()]
    expect((await call('PUT /v1/users/123/block', { token: ann.token })).status).toBe(404)
    expect((await call(`PUT /v1/users/${ann.id}/block`, { token: ann.token })).status).toBe(422)
    expect((await call(`DELETE /v1/users/${bob.id}/block`, { token: ann.token })).status).toBe(204)
    expect(await outboxOf(bob.id, 'block.changed')).toEqual([])
  })
})

describe('a mute', () => {
  it('hides the author from the one who mutes only, and can be lifted', async () => {
    const [ann, bob] = [await person(), await person()]
    await Promise.all([knownHidden(ann), knownHidden(bob)])
    for (let i = 0; i < 2; i++) await call(`PUT /v1/users/${bob.id}/mute`, { token: ann.token })
    expect(await hiddenOf(ann)).toEqual([`m:${bob.id}`, '~'])
    expect(await hiddenOf(bob)).toEqual(['~'])
    const profile = await call<{ relation: { muted: boolean } }>(`GET /v1/users/${bob.username}`, { token: ann.token })
    expect(profile.body.relation.muted).toBe(true)
    await call(`DELETE /v1/users/${bob.id}/mute`, { token: ann.token })
    expect(await hiddenOf(ann)).toEqual(['~'])
    expect((await outboxOf(bob.id, 'block.changed')).map((event) => [event.data.kind, event.data.version])).toEqual([
      ['mute', 1],
      ['mute', 2],
    ])
  })
})

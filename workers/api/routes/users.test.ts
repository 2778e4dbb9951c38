import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { call, outboxOf, person, picture, services } from '../testing.ts'

interface ProfileAnswer {
  id: string
  displayName: string
  bio: string
  isPrivate: boolean
  avatar: string | null
  email?: string
  relation?: { following: string; visible: boolean }
}

describe('a profile', () => {
  it('is public, without the address, and finds the user name in any case', async () => {
    const ann = await person()
    const answer = await call<ProfileAnswer>(`GET /v1/users/${ann.username.toUpperCase()}`)
    expect(answer).toMatchObject({ status: 200, body: { id: ann.id } })
    expect(answer.body).not.toHaveProperty('email')
    expect(answer.body).not.toHaveProperty('relation')
  })

  it('says how the viewer stands to it', async () => {
    const [ann, bob] = [await person(), await person({ isPrivate: true })]
    await call(`PUT /v1/users/${bob.id}/follow`, { token: ann.token })
    const answer = await call<ProfileAnswer>(`GET /v1/users/${bob.username}`, { token: ann.token })
    expect(answer.body.relation).toEqual({ following: 'requested', followsYou: false, muted: false, visible: false })
  })

  it('is 304 until something of it changes', async () => {
    const [ann, bob] = [await person(), await person()]
    const verb = `GET /v1/users/${bob.username}`
    const tag = (await call(verb, { token: ann.token })).headers.get('etag') ?? ''
    const again = { token: ann.token, headers: { 'if-none-match': tag } }
    expect((await call(verb, again)).status).toBe(304)
    await call(`PUT /v1/users/${bob.id}/follow`, { token: ann.token })
    expect((await call(verb, again)).status).toBe(200)
  })

  it('is 404 for nobody and for who is gone', async () => {
    const ann = await person()
    expect((await call('GET /v1/users/nobody-at-all')).status).toBe(404)
    await services.db.query(sql`UPDATE users SET deleted_at = now() WHERE user_id = ${ann.id}::bigint`)
    expect((await call(`GET /v1/users/${ann.username}`)).status).toBe(404)
    expect((await call('GET /v1/me', { token: ann.token })).status).toBe(401)
  })
})

describe('one’s own profile', () => {
  it('has the address and changes field by field, with an event and a word to every isolate', async () => {
    const ann = await person()
    await services.redis.pipeline([['HSET', keys.user(ann.id), 'username', ann.username]])
    const mediaId = await picture(ann.id)
    const changed = await call<ProfileAnswer>('PATCH /v1/me', {
      token: ann.token,
      body: { bio: 'sails', avatarMediaId: mediaId },
    })
    expect(changed).toMatchObject({
      status: 200,
      body: { bio: 'sails', isPrivate: false, email: `${ann.username}@example.com` },
    })
    expect(changed.body.avatar).toContain(`media/${mediaId}/`)
    const [cached, delta] = await services.redis.pipeline([
      ['HGET', keys.user(ann.id), 'username'],
      ['ZSCORE', keys.delta(), `u:${ann.id}`],
    ])
    expect([cached, delta === null]).toEqual([null, false])
    expect((await outboxOf(ann.id, 'user.changed'))[0]?.data).toEqual({ userId: ann.id, version: 2 })
    const second = await call<ProfileAnswer>('PATCH /v1/me', {
      token: ann.token,
      body: { avatarMediaId: null, isPrivate: true },
    })
    expect(second.body).toMatchObject({ avatar: null, isPrivate: true, bio: 'sails' })
  })

  it('refuses a picture that is somebody else’s, and changes nothing', async () => {
    const [ann, bob] = [await person(), await person()]
    const body = { bio: 'x', avatarMediaId: await picture(bob.id) }
    expect(await call('PATCH /v1/me', { token: ann.token, body })).toMatchObject({
      status: 422,
      body: { code: 'picture-unusable' },
    })
    expect((await call<ProfileAnswer>('GET /v1/me', { token: ann.token })).body.bio).toBe('')
  })

  it.each([[{}], [{ username: 'taken' }], [{ bio: 'x'.repeat(501) }], [{ isPrivate: 'yes' }], [{ followerCount: 5 }]])(
    'refuses %j',
    async (body) => {
      const ann = await person()
      expect((await call('PATCH /v1/me', { token: ann.token, body })).status).toBe(400)
    },
  )

  it('needs to be signed in', async () => {
    expect((await call('PATCH /v1/me', { body: { bio: 'x' } })).status).toBe(401)
  })
})

import { describe, expect, it } from 'vitest'
import { PASSWORD_RULE, USERNAME_RULE } from '#core/sign-up.ts'
import { away, call, person } from '../testing.ts'

interface SessionAnswer {
  accessToken: string
  refreshToken: string
  expiresIn: number
  userId: string
  username: string
}

let counter = 0
const account = () => {
  const username = `sailor${Date.now().toString(36)}${counter++}`
  return { username, email: `${username}@example.com`, password: 'a long and dry summer' }
}

describe('accounts and sessions', () => {
  it('register, sign in, refresh with rotation and sign out', async () => {
    const ann = account()
    const registered = await call<SessionAnswer>('POST /v1/accounts', { body: ann })
    expect(registered).toMatchObject({ status: 201, body: { username: ann.username, expiresIn: 900 } })
    expect(registered.headers.get('cache-control')).toBe('no-store')
    expect((await call('GET /v1/me', { token: registered.body.accessToken })).status).toBe(200)

    const { login, password } = { login: ann.email, password: ann.password }
    const session = await call<SessionAnswer>('POST /v1/sessions', { body: { login, password } })
    expect(session).toMatchObject({ status: 201, body: { userId: registered.body.userId } })
    const refreshed = await call<SessionAnswer>('POST /v1/sessions/refresh', {
      body: { refreshToken: session.body.refreshToken },
    })
    expect(refreshed.status).toBe(200)
    expect(refreshed.body.refreshToken).not.toBe(session.body.refreshToken)

    const { refreshToken, accessToken } = refreshed.body
    expect((await call('DELETE /v1/sessions', { token: accessToken, body: { refreshToken } })).status).toBe(204)
    expect((await call('POST /v1/sessions/refresh', { body: { refreshToken } })).status).toBe(401)
    expect((await call('GET /v1/me', { token: accessToken })).status).toBe(401)
  })

  it('refuse a taken name or address, a wrong password and an unknown login alike', async () => {
    const ann = account()
    await call('POST /v1/accounts', { body: ann })
    const sameName = { ...account(), username: ann.username.toUpperCase() }
    expect(await call('POST /v1/accounts', { body: sameName })).toMatchObject({
      status: 409,
      body: { code: 'username-taken' },
    })
    const sameAddress = { ...account(), email: ann.email }
    expect(await call('POST /v1/accounts', { body: sameAddress })).toMatchObject({
      status: 409,
      body: { code: 'email-taken' },
    })
    const wrong = await call('POST /v1/sessions', { body: { login: ann.username, password: 'wrong password' } })
    const unknown = await call('POST /v1/sessions', { body: { login: 'nobody-at-all', password: 'wrong password' } })
    expect([wrong.status, unknown.status]).toEqual([401, 401])
    expect(wrong.body.code).toBe(unknown.body.code)
  })

  it('make one account of many tries under an Idempotency-Key, also at once, with one answer', async () => {
    const [body, headers] = [account(), { 'idempotency-key': crypto.randomUUID() }]
    const tries = await Promise.all([1, 2, 3].map(() => call<SessionAnswer>('POST /v1/accounts', { body, headers })))
    const later = await call<SessionAnswer>('POST /v1/accounts', { body, headers })
    expect(tries.map((answer) => answer.status)).toEqual([201, 201, 201])
    expect(new Set([...tries, later].map((answer) => JSON.stringify(answer.body))).size).toBe(1)
    expect(later.headers.get('idempotency-replayed')).toBe('true')
    expect([later.headers.get('cache-control'), later.headers.get('location')]).toEqual([
      'no-store',
      `/v1/users/${body.username}`,
    ])
    expect((await call('GET /v1/me', { token: later.body.accessToken })).status).toBe(200)
    const { refreshToken } = later.body
    expect((await call('POST /v1/sessions/refresh', { body: { refreshToken } })).status).toBe(200)
  })

  it.each([
    ['address', { email: 'somebody.else@example.com' }],
    ['password', { password: 'a long and wet winter' }],
    ['display name', { displayName: 'Somebody' }],
  ])('refuse an Idempotency-Key that made an account with another %s', async (_, other) => {
    const [body, headers] = [account(), { 'idempotency-key': crypto.randomUUID() }]
    expect((await call('POST /v1/accounts', { body, headers })).status).toBe(201)
    const reused = await call('POST /v1/accounts', { body: { ...body, ...other }, headers })
    expect(reused).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } })
    expect(JSON.stringify(reused.body)).not.toContain('Token')
  })

  it('take one Idempotency-Key from two people: it belongs to the user name', async () => {
    const headers = { 'idempotency-key': `weak-${crypto.randomUUID()}` }
    const first = await call('POST /v1/accounts', { body: account(), headers })
    const second = await call('POST /v1/accounts', { body: account(), headers })
    expect([first.status, second.status]).toEqual([201, 201])
    expect(JSON.stringify(second.body)).not.toEqual(JSON.stringify(first.body))
  })

  it('leave an Idempotency-Key free when the account was refused, and refuse one that is none', async () => {
    const [taken, headers] = [account(), { 'idempotency-key': crypto.randomUUID() }]
    await call('POST /v1/accounts', { body: taken })
    expect((await call('POST /v1/accounts', { body: taken, headers })).status).toBe(409)
    expect((await call('POST /v1/accounts', { body: account(), headers })).status).toBe(201)
    const blank = { 'idempotency-key': 'a b' }
    expect((await call('POST /v1/accounts', { body: account(), headers: blank })).status).toBe(400)
  })

  it('refuse what the origin would refuse without asking it, in its words', async () => {
    const body = { ...account(), username: 'ab', password: 'seven77' }
    const { status, body: problem } = await call('POST /v1/accounts', { body, env: away.origin })
    expect({ status, errors: problem.errors }).toEqual({
      status: 400,
      errors: [
        { pointer: '/username', detail: USERNAME_RULE },
        { pointer: '/password', detail: PASSWORD_RULE },
      ],
    })
  })

  it.each([
    [{}],
    [{ ...account(), password: 'short' }],
    [{ ...account(), email: 'not an address' }],
    [{ ...account(), username: 'with blanks' }],
    [{ ...account(), admin: true }],
  ])('refuse %j', async (body) => {
    expect(await call('POST /v1/accounts', { body })).toMatchObject({
      status: 400,
      body: { errors: expect.any(Array) },
    })
  })

  it('say that they are away with the origin', async () => {
    expect((await call('POST /v1/accounts', { body: account(), env: away.origin })).status).toBe(503)
    const body = { login: 'x', password: 'y' }
    expect((await call('POST /v1/sessions', { body, env: away.origin })).status).toBe(503)
  })

  it('treat a wrong service token as an outage, never as the client’s fault', async () => {
    const body = { login: 'x', password: 'y' }
    expect((await call('POST /v1/sessions', { body, env: { SERVICE_TOKEN: 'wrong' } })).status).toBe(503)
    void person
  })
})

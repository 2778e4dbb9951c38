import { sql } from 'drizzle-orm'
import { exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { away, call, person, services, tokenOf } from '../testing.ts'

describe('an access token', () => {
  it('says who asks', async () => {
    const ann = await person()
    const answer = await call<{ username: string }>('GET /v1/me', { token: ann.token })
    expect(answer).toMatchObject({ status: 200, body: { username: ann.username } })
  })

  it('is needed where somebody must have signed in', async () => {
    const answer = await call('GET /v1/me')
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
  })

  it.each([
    ['has expired', { expiresIn: -60 }],
    ['is of another issuer', { issuer: 'https://elsewhere.example' }],
    ['is for another audience', { audience: 'elsewhere' }],
  ])('is refused when it %s', async (_, options) => {
    const ann = await person()
    const answer = await call('GET /v1/me', { token: await tokenOf(ann.id, options) })
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
  })

  it('is refused when another key signed it, under our key id or its own', async () => {
    const ann = await person()
    const { privateKey } = await generateKeyPair('EdDSA', { extractable: true })
    const stranger = await exportJWK(privateKey)
    const ours = services.config.jwks[0]!.kid
    for (const kid of [ours, 'their-own']) {
      const token = await tokenOf(ann.id, { jwk: { ...stranger, kid } })
      expect(await call('GET /v1/me', { token })).toMatchObject({ status: 401 })
    }
  })

  it('is refused when it is no token, unsigned, or carries another payload under a valid signature', async () => {
    const ann = await person()
    const [header, , signature] = ann.token.split('.')
    const other = (await tokenOf('1')).split('.')[1]
    const none = `${btoa('{"alg":"none"}')}.${ann.token.split('.')[1]}.`
    for (const token of ['x', 'a.b.c', none, `${header}.${other}.${signature}`, 'a'.repeat(5000)]) {
      expect(await call('GET /v1/me', { token })).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    }
    expect(await call('GET /v1/me', { headers: { authorization: 'Basic YTpi' } })).toMatchObject({ status: 401 })
  })

  it('is refused on public routes too when it is forged: nobody is silently somebody else', async () => {
    const ann = await person()
    expect(await call(`GET /v1/users/${ann.username}`, { token: 'a.b.c' })).toMatchObject({ status: 401 })
  })
})

describe('an address that sends forged tokens', () => {
  const from = (address: string) => ({ headers: { 'cf-connecting-ip': address } })

  it('is refused after a while, without a look at them; who is signed in there, and others, go on', async () => {
    const [ann, bob] = [await person(), await person()]
    const [address, other] = [`forger-${ann.id}`, `other-${ann.id}`]
    // Twice: what an isolate remembers from before it first heard of ended sessions, it forgets then.
    for (let i = 0; i < 2; i++)
      expect((await call('GET /v1/me', { token: ann.token, ...from(address) })).status).toBe(200)
    const answers = new Set<number>()
    // The count begins anew with each minute, perhaps in the middle of this.
    for (let i = 0; i < 700 && !answers.has(429); i++) {
      answers.add((await call('GET /v1/me', { token: `forged.${i}.token`, ...from(address) })).status)
    }
    expect([...answers]).toEqual([401, 429])
    const refused = await call('GET /v1/me', { token: await tokenOf(bob.id), ...from(address) })
    expect(refused).toMatchObject({ status: 429, body: { code: 'too-many-requests' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await call('GET /v1/me', { token: ann.token, ...from(address) })).status).toBe(200)
    expect((await call('GET /v1/me', { token: bob.token, ...from(other) })).status).toBe(200)
    expect((await call('GET /v1/me', from(address))).status).toBe(401)
  })
})

describe('the access token of a session that ended', () => {
  const mark = (sessionId: string) => services.redis.pipeline([['SET', keys.revoked(sessionId), 1, 'EX', 60]])

  it('is refused by an isolate that sees it for the first time, and accepted while Redis is away', async () => {
    const ann = await person()
    const sessionId = crypto.randomUUID()
    await mark(sessionId)
    const token = await tokenOf(ann.id, { sessionId })
    expect(await call('GET /v1/me', { token })).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await call('GET /v1/me', { token, env: away.redis })).toMatchObject({ status: 200 })
  })

  it('is refused by an isolate that remembers it once the delta said so; other sessions go on', async () => {
    const ann = await person()
    const [sessionId, other] = [crypto.randomUUID(), crypto.randomUUID()]
    const tokens = [await tokenOf(ann.id, { sessionId }), await tokenOf(ann.id, { sessionId, expiresIn: 800 })]
    const kept = await tokenOf(ann.id, { sessionId: other })
    for (const token of [...tokens, kept]) expect((await call('GET /v1/me', { token })).status).toBe(200)
    await mark(sessionId)
    const now = services.clock()
    services.feedIsolate.applyDelta([`s:${sessionId}`, now], now, now)
    for (const token of tokens) expect((await call('GET /v1/me', { token })).status).toBe(401)
    expect((await call('GET /v1/me', { token: kept })).status).toBe(200)
    expect(services.tokens.remembered(kept, false)).toMatchObject({ userId: ann.id, sessionId: other })
  })
})

describe('an expired token while refresh is unreachable', () => {
  it('still reads for an hour', async () => {
    const ann = await person()
    const token = await tokenOf(ann.id, { expiresIn: -3_000 })
    expect(await call('GET /v1/me', { token, env: away.origin })).toMatchObject({ status: 200 })
  })

  it('does not write', async () => {
    const ann = await person()
    const token = await tokenOf(ann.id, { expiresIn: -60 })
    const answer = await call('POST /v1/posts', { token, body: { caption: 'late' }, env: away.origin })
    expect(answer).toMatchObject({ status: 401 })
  })

  it('does not write either when it has just been let through for a read', async () => {
    const ann = await person()
    const token = await tokenOf(ann.id, { expiresIn: -60 })
    expect(await call('GET /v1/me', { token, env: away.origin })).toMatchObject({ status: 200 })
    const answer = await call('POST /v1/posts', { token, body: { caption: 'late' }, env: away.origin })
    expect(answer).toMatchObject({ status: 401 })
    expect(await call('GET /v1/me', { token, env: away.origin })).toMatchObject({ status: 200 })
  })

  it('does not read after an hour', async () => {
    const ann = await person()
    const token = await tokenOf(ann.id, { expiresIn: -3_700 })
    expect(await call('GET /v1/me', { token, env: away.origin })).toMatchObject({ status: 401 })
  })

  it('does not read when its session was revoked, as Postgres or Redis know', async () => {
    const ann = await person()
    const sessionId = crypto.randomUUID()
    await services.db.query(sql`INSERT INTO sessions (session_id, user_id, token_hash, expires_at, revoked_at)
      VALUES (${sessionId}, ${ann.id}::bigint, 'x', now() + interval '1 day', now())`)
    const token = await tokenOf(ann.id, { expiresIn: -60, sessionId })
    expect(await call('GET /v1/me', { token, env: away.origin })).toMatchObject({ status: 401 })

    const marked = crypto.randomUUID()
    await services.redis.pipeline([['SET', keys.revoked(marked), 1, 'EX', 60]])
    const second = await tokenOf(ann.id, { expiresIn: -60, sessionId: marked })
    const env = { ...away.origin, ...away.postgres }
    expect(await call('GET /v1/notifications', { token: second, env })).toMatchObject({ status: 401 })
  })
})

describe('public keys', () => {
  it('come from Redis when settings have none, and from the origin when Redis has none either', async () => {
    const ann = await person()
    const token = await tokenOf(ann.id)
    const stored = await services.redis.pipeline([['GET', keys.jwks()]])
    expect(typeof stored[0]).toBe('string')
    const fromRedis = { JWT_PUBLIC_JWKS: '', ...away.origin }
    expect(await call('GET /v1/me', { token, env: fromRedis })).toMatchObject({ status: 200 })
    const fromOrigin = { JWT_PUBLIC_JWKS: '', ...away.redis }
    expect(await call('GET /v1/me', { token, env: fromOrigin })).toMatchObject({ status: 200 })
  })

  it('that no source can tell make the service unavailable, not the token wrong', async () => {
    const ann = await person()
    const env = { JWT_PUBLIC_JWKS: '', ...away.redis, ...away.origin }
    for (let i = 0; i < 2; i++) {
      const answer = await call('GET /v1/me', { token: await tokenOf(ann.id), env })
      expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
      expect(answer.headers.get('retry-after')).not.toBeNull()
    }
    expect(await call('GET /v1/me', { token: 'a.b.c', env })).toMatchObject({ status: 401 })
  })

  it('are published without their private half', async () => {
    const answer = await call<{ keys: Record<string, unknown>[] }>('GET /.well-known/jwks.json')
    expect(answer.body.keys).toEqual([expect.objectContaining({ kty: 'OKP', crv: 'Ed25519' })])
    expect(answer.body.keys[0]).not.toHaveProperty('d')
  })
})

import { sql } from 'drizzle-orm'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { keys } from '#core/keys.ts'
import { parseDelta, readDelta } from '#core/timeline/index.ts'
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'
import { startDatabase, startRedis, type TestDatabase, type TestRedis } from '../../test/contract/engines.ts'
import type { RequestContext } from '../internal-api.ts'
import { type Accounts, createAccounts } from './index.ts'
import { LOST_ANSWER_MS } from './service.ts'
import { SIGN_IN_ATTEMPTS } from './throttle.ts'

const logger = pino({ level: 'silent' })
const context: RequestContext = {
  requestId: 'test',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  logger,
}

let postgres: TestDatabase
let redis: TestRedis
let accounts: Accounts
let now = Date.now()
let people = 0

beforeAll(async () => {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  ;[postgres, redis] = await Promise.all([startDatabase(), startRedis()])
  accounts = await createAccounts({
    database: postgres.database,
    redis: redis.redis,
    signingKeys: { privateJwk: await exportJWK(privateKey) },
    logger,
    clock: () => now,
  })
}, 60_000)

afterAll(async () => {
  await redis.close()
  await postgres.close()
})

beforeEach(() => {
  now = Date.now()
  people++
})

const person = (over: Partial<Record<'username' | 'email' | 'password', string>> = {}) => ({
  username: `person_${people}`,
  email: `person${people}@example.org`,
  password: 'correct horse',
  displayName: 'A Person',
  ...over,
})
const register = (over = {}, idempotencyKey: string | null = null) =>
  accounts.handlers['accounts.register']({ ...person(over), idempotencyKey }, context)
const signIn = (login: string, password: string) => accounts.handlers['accounts.signIn']({ login, password }, context)
const refresh = (refreshToken: string) => accounts.handlers['accounts.refresh']({ refreshToken }, context)
const signOut = (refreshToken: string) => accounts.handlers['accounts.signOut']({ refreshToken }, context)
const claims = async (token: string) => {
  const { keys } = await accounts.handlers['accounts.jwks']({}, context)
  const options = { issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE, currentDate: new Date(now) }
  return (await jwtVerify(token, createLocalJWKSet({ keys: keys as never }), options)).payload
}

/** Marked for isolates that meet its tokens, announced to those that remember them. */
const endedAtTheEdge = async (session: string) => {
  const [mark, delta] = await redis.redis.pipeline([['GET', keys.revoked(session)], readDelta(now)])
  const announced = parseDelta(delta, now).changes.some((change) => 'session' in change && change.session === session)
  expect(announced).toBe(mark === '1')
  return announced
}

test('a registration answers tokens that verify against the published keys', async () => {
  const tokens = await register()
  expect(await claims(tokens.accessToken)).toMatchObject({ sub: tokens.userId, name: `person_${people}` })
  expect(tokens.expiresIn).toBe(900)
})

test('the published keys hold no private part', async () => {
  const published = JSON.stringify(await accounts.handlers['accounts.jwks']({}, context))
  expect(published).not.toContain('"d"')
  const [inRedis] = await redis.redis.pipeline([['GET', keys.jwks()]])
  expect(inRedis).toBe(published)
})

test('a registration leaves its events in the outbox', async () => {
  const { userId } = await register()
  const rows = await postgres.pool.query("select type from outbox where body ->> 'key' = $1 order by type", [userId])
  expect(rows.rows.map((row) => row.type)).toEqual(['search.index', 'user.changed'])
})

test('a user name is taken in any case, an address too', async () => {
  await register()
  const other = { email: 'other@example.org', username: `PERSON_${people}` }
  await expect(register(other)).rejects.toMatchObject({ status: 409, code: 'username-taken' })
  const address = { email: `Person${people}@Example.org`, username: `other_${people}` }
  await expect(register(address)).rejects.toMatchObject({ status: 409, code: 'email-taken' })
})

test('of two people who take one name at once, one gets it', async () => {
  const results = await Promise.allSettled([
    register({ email: `a${people}@example.org` }),
    register({ email: `b${people}@example.org` }),
  ])
  expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
})

test.each([
  [{ username: 'ab' }, '/username'],
  [{ username: 'has space' }, '/username'],
  [{ username: '.dot' }, '/username'],
  [{ username: 'x'.repeat(51) }, '/username'],
  [{ email: 'nowhere' }, '/email'],
  [{ password: 'seven77' }, '/password'],
  [{ password: 'x'.repeat(129) }, '/password'],
])('%o is refused by its field', async (over, pointer) => {
  await expect(register(over)).rejects.toMatchObject({ status: 400, errors: [{ pointer }] })
})

test('people sign in by name or address, in any case', async () => {
  const { userId } = await register()
  expect((await signIn(`Person_${people}`, 'correct horse')).userId).toBe(userId)
  expect((await signIn(` PERSON${people}@example.org`, 'correct horse')).userId).toBe(userId)
})

test('a wrong password and an unknown login are told apart by nobody', async () => {
  await register()
  const wrong = await signIn(`person_${people}`, 'wrong horse').catch((error) => error)
  const unknown = await signIn(`nobody_${people}`, 'wrong horse').catch((error) => error)
  expect(wrong.toJSON()).toEqual(unknown.toJSON())
  expect(wrong.status).toBe(401)
})

test('guessing one login is throttled, and the right password forgets the guesses', async () => {
  await register()
  const login = `person_${people}`
  for (let i = 1; i < SIGN_IN_ATTEMPTS; i++) await signIn(login, 'guess').catch(() => {})
  await signIn(login, 'correct horse')
  for (let i = 0; i < SIGN_IN_ATTEMPTS; i++) await signIn(login, 'guess').catch(() => {})
  await expect(signIn(login, 'correct horse')).rejects.toMatchObject({ status: 429 })
  await expect(signIn(login.toUpperCase(), 'correct horse')).rejects.toMatchObject({ status: 429 })
})

test('a refresh rotates: the new token works, and again', async () => {
  const first = await register()
  const second = await refresh(first.refreshToken)
  const third = await refresh(second.refreshToken)
  expect(new Set([first.refreshToken, second.refreshToken, third.refreshToken]).size).toBe(3)
  expect((await claims(third.accessToken)).sid).toBe((await claims(first.accessToken)).sid)
})

test('a lost answer is given again, and two tabs that refresh at once agree', async () => {
  const { refreshToken } = await register()
  const [a, b] = await Promise.all([refresh(refreshToken), refresh(refreshToken)])
  now += LOST_ANSWER_MS
  const c = await refresh(refreshToken)
  expect(a.refreshToken).toBe(b.refreshToken)
  expect(c.refreshToken).toBe(a.refreshToken)
})

test('the token before the current one ends the session once its grace is over', async () => {
  const first = await register()
  const second = await refresh(first.refreshToken)
  now += LOST_ANSWER_MS + 1
  await expect(refresh(first.refreshToken)).rejects.toMatchObject({ status: 401, code: 'session-over' })
  await expect(refresh(second.refreshToken)).rejects.toMatchObject({ status: 401 })
  const { sid } = await claims(first.accessToken)
  expect(await endedAtTheEdge(String(sid))).toBe(true)
})

test('a token from further back ends the session too', async () => {
  const first = await register()
  const third = await refresh((await refresh(first.refreshToken)).refreshToken)
  await expect(refresh(first.refreshToken)).rejects.toMatchObject({ status: 401 })
  await expect(refresh(third.refreshToken)).rejects.toMatchObject({ status: 401 })
})

test('a made-up token under a known session ends nothing', async () => {
  const { refreshToken } = await register()
  const forged = `${refreshToken.slice(0, 37)}${'A'.repeat(64)}`
  await expect(refresh(forged)).rejects.toMatchObject({ status: 401 })
  await expect(refresh('nonsense')).rejects.toMatchObject({ status: 401 })
  await refresh(refreshToken)
})

test('signing out ends the session and may be repeated', async () => {
  const { refreshToken, accessToken } = await register()
  const { sid } = await claims(accessToken)
  expect(await endedAtTheEdge(String(sid))).toBe(false)
  await signOut(refreshToken)
  await signOut(refreshToken)
  await signOut('nonsense')
  expect(await endedAtTheEdge(String(sid))).toBe(true)
  await expect(refresh(refreshToken)).rejects.toMatchObject({ status: 401 })
})

test('a session that nobody refreshed for a month is over', async () => {
  const { refreshToken } = await register()
  now += 31 * 86_400_000
  await expect(refresh(refreshToken)).rejects.toMatchObject({ status: 401 })
})

test('a hash of former parameters is renewed at the next sign-in', async () => {
  const { userId } = await register()
  const { hash } = await import('@node-rs/argon2')
  const weak = await hash('correct horse', { memoryCost: 8_192, timeCost: 1, parallelism: 1 })
  await postgres.pool.query('update credentials set password_hash = $1 where user_id = $2', [weak, userId])
  await signIn(`person_${people}`, 'correct horse')
  const { rows } = await postgres.pool.query('select password_hash from credentials where user_id = $1', [userId])
  expect(rows[0].password_hash).toContain('m=19456,t=2,p=1')
})

test('under a key a registration is answered again with the same tokens, and the rows hold none of them', async () => {
  const first = await register({}, 'key-1')
  now += 60_000
  const again = await register({}, 'key-1')
  expect(again).toEqual({ ...first, replayed: true })
  const rows = await postgres.database.query(
    sql`SELECT * FROM idempotency_keys WHERE response ->> 'userId' = ${first.userId}`,
  )
  expect(rows).toMatchObject([{ user_id: '0', response: { userId: first.userId, username: first.username } }])
  const kept = JSON.stringify(rows)
  for (const secret of [first.accessToken, first.refreshToken, 'correct horse']) expect(kept).not.toContain(secret)
  expect((await refresh(first.refreshToken)).userId).toBe(first.userId)
})

test('another account under a key is refused, and guessing its password there is limited as at sign-in', async () => {
  await register({}, 'key-2')
  await expect(register({ email: 'other@example.org' }, 'key-2')).rejects.toMatchObject({ status: 422 })
  for (let i = 0; i < SIGN_IN_ATTEMPTS; i++) {
    await expect(register({ password: `guess number ${i}` }, 'key-2')).rejects.toMatchObject({ status: 422 })
  }
  await expect(register({}, 'key-2')).rejects.toMatchObject({ status: 429 })
})

test('a weak key that a stranger has taken is not in the way', async () => {
  const stranger = await register({}, '1')
  people++
  const own = await register({}, '1')
  expect(own).toMatchObject({ username: `person_${people}`, replayed: false })
  expect((await claims(own.accessToken)).sid).not.toBe((await claims(stranger.accessToken)).sid)
  expect(await register({}, '1')).toEqual({ ...own, replayed: true })
})

test('keys differ: accounts under two of them have sessions of their own', async () => {
  const first = await register({}, 'key-3')
  people++
  const second = await register({}, 'key-4')
  expect(second.userId).not.toBe(first.userId)
  expect((await claims(second.accessToken)).sid).not.toBe((await claims(first.accessToken)).sid)
  expect(second.replayed).toBe(false)
})

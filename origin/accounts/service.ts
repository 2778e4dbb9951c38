/** The rules of accounts and sessions. */
import type { Id } from '#core/ids.ts'
import { keys, TTL } from '#core/keys.ts'
import { Problem } from '#core/problem.ts'
import { RedisAwayError } from '#core/redis.ts'
import { foldLogin, PASSWORD_LENGTH } from '#core/sign-up.ts'
import { announce } from '#core/timeline/delta.ts'
import { ACCESS_TOKEN_SECONDS, SESSION_DAYS } from '#core/tokens.ts'
import type { AccountsParts, Tokens } from './parts.ts'
import type { Registration } from './rules.ts'
import { type Begun, type SignUpAnswer, signUp } from './sign-up.ts'
import type { ParsedRefreshToken } from './tokens.ts'

/** How long after a rotation the token before it still gets the same answer: retries of a client on a bad line. */
export const LOST_ANSWER_MS = 30_000

const SESSION_MS = SESSION_DAYS * 86_400_000

export interface AccountsService {
  /** @throws Problem 400, 409 where name or address is taken, 422 where the key was used for another account */
  register(input: Registration & { idempotencyKey: string | null }, traceparent: string | null): Promise<SignUpAnswer>
  signIn(login: string, password: string): Promise<Tokens>
  refresh(refreshToken: string): Promise<Tokens>
  signOut(refreshToken: string): Promise<void>
}

const wrongLogin = () =>
  new Problem({
    status: 401,
    code: 'wrong-login',
    title: 'Wrong login or password',
    detail: 'There is no account with this login and password.',
  })

const sessionOver = () =>
  new Problem({
    status: 401,
    code: 'session-over',
    title: 'Sign in again',
    detail: 'This session has ended.',
    headers: { 'www-authenticate': 'Bearer' },
  })

export function accountsService(parts: AccountsParts): AccountsService {
  return {
    register: signUp({
      ...parts,
      beginSession: (userId, given) => beginSession(parts, userId, given),
      answer: (user, sessionId, refreshToken, atMs) => answer(parts, user, sessionId, refreshToken, atMs),
    }),
    signIn: (login, password) => signIn(parts, login, password),
    refresh: (refreshToken) => refresh(parts, refreshToken),
    signOut: (refreshToken) => signOut(parts, refreshToken),
  }
}

function beginSession(
  parts: AccountsParts,
  userId: Id,
  given: { sessionId: string; secret: Uint8Array } = { sessionId: parts.randomUuid(), secret: parts.randomBytes(32) },
): Begun {
  const { refresh: refreshTokens } = parts.tokens
  const { sessionId } = given
  const refreshToken = refreshTokens.first(sessionId, given.secret)
  const nowMs = parts.clock()
  const tokenHash = refreshTokens.hash(refreshToken)
  return { session: { sessionId, userId, tokenHash, nowMs, expiresMs: nowMs + SESSION_MS }, refreshToken }
}

async function answer(
  { tokens, clock }: AccountsParts,
  user: { userId: Id; username: string },
  sid: string,
  refreshToken: string,
  atMs = clock(),
): Promise<Tokens> {
  return {
    accessToken: await tokens.sign({ sub: user.userId, name: user.username, sid }, atMs),
    refreshToken,
    expiresIn: ACCESS_TOKEN_SECONDS,
    userId: user.userId,
    username: user.username,
  }
}

async function signIn(parts: AccountsParts, login: string, password: string): Promise<Tokens> {
  const { store, throttle, passwords } = parts
  const folded = foldLogin(login)
  await throttle.admit(folded)
  if (password.length > PASSWORD_LENGTH.max * 2) throw wrongLogin()
  const credential = await store.credentialOf(folded)
  const isRight = await passwords.verify(credential?.password_hash ?? null, password)
  if (credential === null || !isRight) throw wrongLogin()
  await throttle.forget(folded)
  if (passwords.isOutdated(credential.password_hash)) {
    await store.replacePasswordHash(credential.user_id, credential.password_hash, await passwords.hash(password))
  }
  const { session, refreshToken } = beginSession(parts, credential.user_id)
  await store.openSession(session)
  const user = { userId: credential.user_id, username: credential.username }
  return answer(parts, user, session.sessionId, refreshToken)
}

async function refresh(parts: AccountsParts, refreshToken: string): Promise<Tokens> {
  const { refresh: refreshTokens } = parts.tokens
  const token = refreshTokens.parse(refreshToken)
  if (token === null) throw sessionOver()
  const next = refreshTokens.next(token)
  const nowMs = parts.clock()
  const rotated = await parts.store.rotate({
    sessionId: token.sessionId,
    presentedHash: refreshTokens.hash(refreshToken),
    nextHash: refreshTokens.hash(next),
    nowMs,
    expiresMs: nowMs + SESSION_MS,
  })
  return rotated === null ? presentedOld(parts, token, next) : answer(parts, rotated, token.sessionId, next)
}

/** The token is not current: a lost answer, a theft, or nothing of ours. */
async function presentedOld(parts: AccountsParts, token: ParsedRefreshToken, next: string): Promise<Tokens> {
  const { store, clock } = parts
  const { refresh: refreshTokens } = parts.tokens
  const session = await store.session(token.sessionId, clock())
  if (session === null || !session.live) throw sessionOver()
  const isPrevious = session.previousHash === refreshTokens.hash(token.text)
  if (isPrevious && clock() - session.rotatedMs <= LOST_ANSWER_MS) {
    if (session.tokenHash === refreshTokens.hash(next)) return answer(parts, session, token.sessionId, next)
    throw sessionOver()
  }
  if (isPrevious || token.isGenuine) await endSession(parts, token.sessionId)
  throw sessionOver()
}

async function signOut(parts: AccountsParts, refreshToken: string): Promise<void> {
  const { refresh: refreshTokens } = parts.tokens
  const token = refreshTokens.parse(refreshToken)
  if (token === null) return
  const session = await parts.store.session(token.sessionId, parts.clock())
  const presented = refreshTokens.hash(refreshToken)
  if (session === null || (presented !== session.tokenHash && presented !== session.previousHash)) return
  await endSession(parts, token.sessionId)
}

/**
 * Revokes in Postgres, which decides about refreshes, and then in Redis, which tells the edge to refuse the access tokens
 * that are out: the mark for isolates that meet such a token, the delta for those that remember it. Redis being away costs
 * at most the rest of their fifteen minutes.
 */
async function endSession({ store, redis, clock }: AccountsParts, sessionId: string): Promise<void> {
  await store.revoke(sessionId, clock())
  const marked = redis.pipeline([
    ['SET', keys.revoked(sessionId), 1, 'EX', TTL.revoked],
    ...announce([{ kind: 'session', session: sessionId }], clock()),
  ])
  await marked.catch((error: unknown) => {
    if (!(error instanceof RedisAwayError)) throw error
  })
}

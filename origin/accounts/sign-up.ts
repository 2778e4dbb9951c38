/**
 * Making an account, once for each Idempotency-Key.
 *
 * The answer holds tokens, so it is never stored. Under a key the session's id and its first refresh token are derived, by
 * an HMAC under a key of ours, from the new account's id and the client's key; the access token is signed for the instant
 * of the account, and Ed25519 signs alike each time. A repetition makes the very same answer from three plain facts (id,
 * name, instant), which are all that is kept beside a hash of what was asked. The password is in no hash but argon2id's: a
 * fast one of it would be there to be guessed. A repetition is compared with that one instead and counts as a sign-in, so
 * that a key opens nothing that the password does not.
 *
 * Nobody has signed in yet, so keys of sign-ups stand under no person's id, and each user name has keys of its own: what a
 * stranger chose, be it "1", is not in the way.
 */
import { createHash } from 'node:crypto'
import { type EventInit, type EventType, makeEvent, type TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { KeyedRequest } from '#drizzle/queries/idempotency.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import type { AccountsParts, Tokens } from './parts.ts'
import { checkRegistration, type Registration } from './rules.ts'
import type { NewSession, SignedUp } from './store.ts'

const ID_TRIES = 4

export interface SignUpParts extends AccountsParts {
  beginSession(userId: Id, given?: { sessionId: string; secret: Uint8Array }): Begun
  /** The tokens of a session, signed for an instant. */
  answer(user: { userId: Id; username: string }, sessionId: string, refreshToken: string, atMs: number): Promise<Tokens>
}

export interface Begun {
  session: NewSession
  refreshToken: string
}

export type SignUpAnswer = Tokens & { replayed: boolean }

export function signUp(parts: SignUpParts) {
  return async function register(
    input: Registration & { idempotencyKey: string | null },
    traceparent: string | null,
  ): Promise<SignUpAnswer> {
    const checked = checkRegistration(input)
    const request = input.idempotencyKey === null ? null : keyedSignUp(input.idempotencyKey, checked)
    const former = request === null ? null : await repeated(parts, request, checked)
    if (former !== null) return former
    const made = await create(parts, checked, request, traceparent)
    if (typeof made !== 'string') return made
    // The name may have been taken by this very request, sent twice at once: the winner's row is there now.
    const winner = request === null ? null : await repeated(parts, request, checked)
    if (winner !== null) return winner
    throw made === 'email-taken'
      ? problems.conflict(made, 'There is an account with this address already.')
      : problems.conflict('username-taken', 'Somebody has this user name already.')
  }
}

function begin({ beginSession, signUps }: SignUpParts, userId: Id, request: KeyedRequest | null): Begun {
  return request === null ? beginSession(userId) : beginSession(userId, signUps.session(userId, request.key))
}

/** What was answered under this key, made again. @throws Problem 422 when it was used for another account */
async function repeated(parts: SignUpParts, request: KeyedRequest, asked: Registration): Promise<SignUpAnswer | null> {
  const { store, passwords, throttle } = parts
  const former = await store.signedUp(request)
  if (former === null) return null
  if (former.requestHash !== request.requestHash) throw reused()
  await throttle.admit(asked.username)
  const credential = await store.credentialOf(asked.username)
  const isRight = await passwords.verify(credential?.password_hash ?? null, asked.password)
  if (!isRight || credential?.user_id !== former.userId) throw reused()
  await throttle.forget(asked.username)
  const { session, refreshToken } = begin(parts, former.userId, request)
  return { ...(await parts.answer(former, session.sessionId, refreshToken, former.atMs)), replayed: true }
}

/** Answers what is taken where the account cannot be made. */
async function create(
  parts: SignUpParts,
  checked: Registration,
  request: KeyedRequest | null,
  traceparent: string | null,
): Promise<SignUpAnswer | 'username-taken' | 'email-taken' | 'key-taken'> {
  const { store, passwords, ids } = parts
  const passwordHash = await passwords.hash(checked.password)
  for (let attempt = 0; attempt < ID_TRIES; attempt++) {
    const userId = ids.next(ids.randomShard())
    const { session, refreshToken } = begin(parts, userId, request)
    const account = { userId, passwordHash, ...checked }
    const signedUp: SignedUp = { userId, username: checked.username, atMs: session.nowMs }
    const keyed = request === null ? null : { request, signedUp }
    const outcome = await store.create(account, session, newAccountEvents(parts, userId, traceparent), keyed)
    if (outcome === 'created') {
      return { ...(await parts.answer(account, session.sessionId, refreshToken, session.nowMs)), replayed: false }
    }
    if (outcome !== 'id-taken') return outcome
  }
  throw new Error(`no free user id in ${ID_TRIES} tries`)
}

function keyedSignUp(key: string, { username, email, displayName }: Registration): KeyedRequest {
  return { userId: NOBODY, key: digest([username, key]), requestHash: digest([username, email, displayName]) }
}

const digest = (parts: readonly string[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

const reused = () =>
  problems.unprocessable('idempotency-key-reused', 'This Idempotency-Key was used for another request.')

function newAccountEvents({ clock, random }: AccountsParts, userId: Id, traceparent: string | null): TidelineEvent[] {
  const make = <T extends EventType>(event: Pick<EventInit<T>, 'type' | 'data'>) =>
    makeEvent({ ...event, key: userId, actor: userId, traceparent }, clock, random)
  return [
    make<'user.changed'>({ type: 'user.changed', data: { userId, version: 1 } }),
    make<'search.index'>({ type: 'search.index', data: { kind: 'user', id: userId, version: 1 } }),
  ]
}

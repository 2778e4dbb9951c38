/** Where accounts and sessions are kept. */
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { CredentialRow, NewAccount, NewSession, Rotation } from '#drizzle/queries/accounts.ts'
import type { KeyedRequest } from '#drizzle/queries/idempotency.ts'

export type { NewAccount, NewSession, Rotation } from '#drizzle/queries/accounts.ts'

export interface Session {
  userId: Id
  username: string
  tokenHash: string
  previousHash: string | null
  rotatedMs: number
  live: boolean
}

/** What an account was made with under an Idempotency-Key: enough to make its answer again, and no secret. */
export interface SignedUp {
  userId: Id
  username: string
  atMs: number
}

export interface AccountStore {
  /**
   * Writes account, first session, events and the key, if there is one, all or nothing.
   * @returns what was taken already, or 'created'
   */
  create(
    account: NewAccount,
    session: NewSession,
    events: readonly TidelineEvent[],
    keyed: { request: KeyedRequest; signedUp: SignedUp } | null,
  ): Promise<'created' | 'username-taken' | 'email-taken' | 'id-taken' | 'key-taken'>
  /** What was made under a key within a day. */
  signedUp(request: KeyedRequest): Promise<(SignedUp & { requestHash: string }) | null>
  credentialOf(login: string): Promise<CredentialRow | null>
  replacePasswordHash(userId: Id, former: string, next: string): Promise<void>
  openSession(session: NewSession): Promise<void>
  /** Moves on to the next token if the presented one is current; null when it is not. */
  rotate(rotation: Rotation): Promise<{ userId: Id; username: string } | null>
  session(sessionId: string, nowMs: number): Promise<Session | null>
  revoke(sessionId: string, nowMs: number): Promise<void>
}

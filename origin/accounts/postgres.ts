import { type SQL, sql } from 'drizzle-orm'
import { type Database, sqlState, UNIQUE_VIOLATION, violatedConstraint } from '#drizzle/database.ts'
import { inDirectory } from '#drizzle/placement.ts'
import * as queries from '#drizzle/queries/accounts.ts'
import {
  findIdempotent,
  forgetExpired,
  IDEMPOTENCY_CONSTRAINT,
  type IdempotencyRow,
  type KeyedRequest,
  rememberFrom,
} from '#drizzle/queries/idempotency.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import { signUp } from '#drizzle/queries/sign-up.ts'
import type { AccountStore, SignedUp } from './store.ts'

export function postgresAccounts(database: Database): AccountStore {
  return {
    async create(account, session, events, keyed) {
      try {
        await database.batch(
          signUp(account, session, [insertOutbox(events), ...(keyed === null ? [] : remember(keyed))]),
        )
        return 'created'
      } catch (error) {
        const taken = takenBy(error)
        if (taken === null) throw error
        return taken
      }
    },
    async signedUp(request) {
      const [row] = await database.query<IdempotencyRow>(inDirectory(findIdempotent(request), true))
      return row === undefined ? null : { ...(row.response as SignedUp), requestHash: row.request_hash }
    },
    async credentialOf(login) {
      const [row] = await database.query<queries.CredentialRow>(queries.credentialOf(login))
      return row ?? null
    },
    async replacePasswordHash(userId, former, next) {
      await database.query(queries.replacePasswordHash(userId, former, next))
    },
    async openSession(session) {
      await database.query(queries.insertSession(session))
    },
    async rotate(rotation) {
      const [row] = await database.query<{ user_id: string; username: string }>(queries.rotateSession(rotation))
      return row === undefined ? null : { userId: row.user_id, username: row.username }
    },
    async session(sessionId, nowMs) {
      const [row] = await database.query<queries.SessionRow>(queries.sessionById(sessionId, nowMs))
      if (row === undefined) return null
      return {
        userId: row.user_id,
        username: row.username,
        tokenHash: row.token_hash,
        previousHash: row.previous_hash,
        rotatedMs: Number(row.rotated_ms),
        live: row.live,
      }
    },
    async revoke(sessionId, nowMs) {
      await database.query(queries.revokeSession(sessionId, nowMs))
    },
  }
}

/** What of a new account is another's already; null: the error says something else. */
function takenBy(error: unknown): Exclude<Awaited<ReturnType<AccountStore['create']>>, 'created'> | null {
  if (sqlState(error) !== UNIQUE_VIOLATION) return null
  const constraint = violatedConstraint(error) ?? ''
  if (/^(users|directory)_username_unique$/.test(constraint)) return 'username-taken'
  if (/^(users|directory)_email_unique$/.test(constraint)) return 'email-taken'
  if (constraint === IDEMPOTENCY_CONSTRAINT) return 'key-taken'
  return /^(users|directory|credentials)_pkey$/.test(constraint) ? 'id-taken' : null
}

const CREATED = 201

function remember({ request, signedUp }: { request: KeyedRequest; signedUp: SignedUp }): SQL[] {
  const response = sql`${JSON.stringify(signedUp)}::jsonb`
  return [forgetExpired(request), rememberFrom(request, CREATED, response, sql`(SELECT 1) AS one`)]
}

import { type SQL, sql } from 'drizzle-orm'
import { type Database, sqlState, UNIQUE_VIOLATION, violatedConstraint } from '#drizzle/database.ts'
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
import type { AccountStore, SignedUp } from './store.ts'

export function postgresAccounts(database: Database): AccountStore {
  return {
    async create(account, session, events, keyed) {
      const rows = [...queries.insertAccount(account), queries.insertSession(session), insertOutbox(events)]
      try {
        await database.batch(keyed === null ? rows : [...rows, ...remember(keyed)])
        return 'created'
      } catch (error) {
        if (sqlState(error) !== UNIQUE_VIOLATION) throw error
        const constraint = violatedConstraint(error)
        if (constraint === 'users_username_unique') return 'username-taken'
        if (constraint === 'users_email_unique') return 'email-taken'
        if (constraint === IDEMPOTENCY_CONSTRAINT) return 'key-taken'
        if (constraint === 'users_pkey' || constraint === 'credentials_pkey') return 'id-taken'
        throw error
      }
    },
    async signedUp(request) {
      const [row] = await database.query<IdempotencyRow>(findIdempotent(request))
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

const CREATED = 201

function remember({ request, signedUp }: { request: KeyedRequest; signedUp: SignedUp }): SQL[] {
  const response = sql`${JSON.stringify(signedUp)}::jsonb`
  return [forgetExpired(request), rememberFrom(request, CREATED, response, sql`(SELECT 1) AS one`)]
}

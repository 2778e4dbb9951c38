import { type Database, sqlState, UNIQUE_VIOLATION, violatedConstraint } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/accounts.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import type { AccountStore } from './store.ts'

export function postgresAccounts(database: Database): AccountStore {
  return {
    async create(account, session, events) {
      try {
        await database.batch([...queries.insertAccount(account), queries.insertSession(session), insertOutbox(events)])
        return 'created'
      } catch (error) {
        if (sqlState(error) !== UNIQUE_VIOLATION) throw error
        const constraint = violatedConstraint(error)
        if (constraint === 'users_username_unique') return 'username-taken'
        if (constraint === 'users_email_unique') return 'email-taken'
        if (constraint === 'users_pkey' || constraint === 'credentials_pkey') return 'id-taken'
        throw error
      }
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

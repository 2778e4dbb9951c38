/** People's accounts, credentials and sessions: what the accounts tier reads and writes. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { inDirectory, readsAcross, type Shards, writes, writesAcross } from '../placement.ts'
import { directoryEntry } from './directory.ts'

/** Unix milliseconds as a timestamp. */
const instant = (ms: number) => sql`to_timestamp(${ms}::double precision / 1000)`

export interface NewAccount {
  userId: Id
  /** Folded: the unique constraint compares bytes. */
  username: string
  email: string
  displayName: string
  passwordHash: string
}

/** @throws unique violations `users_username_unique`, `users_email_unique`, `users_pkey` */
export function insertAccount(account: NewAccount): SQL[] {
  const { userId, username, email, displayName, passwordHash } = account
  return [
    sql`INSERT INTO users (user_id, username, email, display_name)
        VALUES (${userId}::bigint, ${username}, ${email}, ${displayName})`,
    sql`INSERT INTO credentials (user_id, password_hash) VALUES (${userId}::bigint, ${passwordHash})`,
  ]
}

export interface CredentialRow {
  user_id: Id
  username: string
  password_hash: string
}

/** The account of a login: an address when it holds an @, else a user name. Accounts that are deleted have none. */
export function credentialOf(login: string): SQL {
  const by = login.includes('@') ? 'email' : 'username'
  const statement = sql`SELECT u.user_id, u.username, c.password_hash FROM users u JOIN credentials c USING (user_id)
    WHERE ${sql.raw(`u.${by}`)} = ${login} AND u.deleted_at IS NULL`
  return readsAcross<CredentialRow>(statement, async (shards) => {
    const [entry] = await shards.directory.query<{ user_id: Id }>(directoryEntry(by, login))
    if (entry === undefined) return []
    const rows = await shards.of(String(entry.user_id)).query<CredentialRow>(statement)
    return rows.filter((row) => row.user_id === entry.user_id)
  })
}

/** Replaces a hash that was made at a lower cost, unless the password was changed meanwhile. */
export function replacePasswordHash(userId: Id, former: string, next: string): SQL {
  return writes(
    userId,
    sql`UPDATE credentials SET password_hash = ${next}, updated_at = now()
    WHERE user_id = ${userId}::bigint AND password_hash = ${former}`,
  )
}

export interface NewSession {
  sessionId: string
  userId: Id
  tokenHash: string
  nowMs: number
  expiresMs: number
}

export function insertSession(session: NewSession): SQL {
  const { sessionId, userId, tokenHash, nowMs, expiresMs } = session
  return inDirectory(sql`INSERT INTO sessions (session_id, user_id, token_hash, rotated_at, expires_at)
    VALUES (${sessionId}, ${userId}::bigint, ${tokenHash}, ${instant(nowMs)}, ${instant(expiresMs)})`)
}

export interface Rotation {
  sessionId: string
  presentedHash: string
  nextHash: string
  nowMs: number
  expiresMs: number
}

/** Moves a session to its next token if the presented one is current. Rows of `{ user_id, username }`: none when not. */
export function rotateSession(rotation: Rotation): SQL {
  const { sessionId, presentedHash, nextHash, nowMs, expiresMs } = rotation
  const set = sql`UPDATE sessions s
    SET token_hash = ${nextHash}, previous_hash = s.token_hash, rotated_at = ${instant(nowMs)},
        expires_at = ${instant(expiresMs)}`
  const current = sql`s.session_id = ${sessionId} AND s.token_hash = ${presentedHash} AND s.revoked_at IS NULL
      AND s.expires_at > ${instant(nowMs)}`
  const statement = sql`${set}
    FROM users u
    WHERE ${current} AND u.user_id = s.user_id AND u.deleted_at IS NULL
    RETURNING s.user_id, u.username`
  return writesAcross(statement, async (shards) => {
    const [held] = await shards.directory.query<{ user_id: Id }>(sql`SELECT s.user_id FROM sessions s WHERE ${current}`)
    const [user] = held === undefined ? [] : await accountStanding(shards, String(held.user_id))
    if (user === undefined || !user.stands) return []
    const rotated = await shards.directory.query<{ user_id: Id }>(sql`${set} WHERE ${current} RETURNING s.user_id`)
    return rotated.map((row) => ({ user_id: row.user_id, username: user.username }))
  })
}

export interface SessionRow {
  user_id: Id
  username: string
  token_hash: string
  previous_hash: string | null
  rotated_ms: string
  /** Neither revoked nor expired, and the account stands. */
  live: boolean
}

export function sessionById(sessionId: string, nowMs: number): SQL {
  const session = sql`s.token_hash, s.previous_hash, (extract(epoch FROM s.rotated_at) * 1000)::bigint AS rotated_ms`
  const live = sql`s.revoked_at IS NULL AND s.expires_at > ${instant(nowMs)}`
  const statement = sql`SELECT s.user_id, u.username, ${session}, (${live} AND u.deleted_at IS NULL) AS live
    FROM sessions s JOIN users u USING (user_id) WHERE s.session_id = ${sessionId}`
  return readsAcross<SessionRow>(statement, async (shards) => {
    const [row] = await shards.directory.query<SessionRow>(
      sql`SELECT s.user_id, ${session}, (${live}) AS live FROM sessions s WHERE s.session_id = ${sessionId}`,
    )
    const [user] = row === undefined ? [] : await accountStanding(shards, String(row.user_id))
    return row === undefined || user === undefined
      ? []
      : [{ ...row, username: user.username, live: row.live && user.stands }]
  })
}

/** Sessions lie in the directory, which their ids lead to; the account lies elsewhere. */
const accountStanding = (shards: Shards, userId: Id) =>
  shards
    .of(userId)
    .query<{ username: string; stands: boolean }>(
      sql`SELECT username, deleted_at IS NULL AS stands FROM users WHERE user_id = ${userId}::bigint`,
    )

export function revokeSession(sessionId: string, nowMs: number): SQL {
  return inDirectory(
    sql`UPDATE sessions SET revoked_at = ${instant(nowMs)} WHERE session_id = ${sessionId} AND revoked_at IS NULL`,
  )
}

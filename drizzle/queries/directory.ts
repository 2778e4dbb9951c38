/**
 * User names and addresses, unique among all people however many databases there are: in the first one. With a single
 * database the constraints of `users` do this, and the table stays empty.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'

/** What a claim that was never confirmed is left alone for, in seconds: longer than any sign-up takes. */
const CLAIM_SECONDS = 120

/** Whose a name or an address is: one row `{ user_id }`. Claims are nobody's yet. */
export function directoryEntry(by: 'username' | 'email', value: string): SQL {
  return sql`SELECT user_id FROM directory WHERE ${sql.raw(by)} = ${value} AND confirmed_at IS NOT NULL`
}

/** @throws unique violations `directory_username_unique`, `directory_email_unique`, `directory_pkey` */
export function claim({ userId, username, email }: { userId: Id; username: string; email: string }): SQL[] {
  return [
    sql`DELETE FROM directory WHERE (username = ${username} OR email = ${email})
         AND confirmed_at IS NULL AND claimed_at < now() - ${CLAIM_SECONDS}::int * interval '1 second'`,
    sql`INSERT INTO directory (user_id, username, email) VALUES (${userId}::bigint, ${username}, ${email})`,
  ]
}

/** Makes a claim an account. The second statement ends the transaction (22012) when the claim was taken over meanwhile. */
export function confirm(userId: Id): SQL[] {
  return [
    sql`UPDATE directory SET confirmed_at = now() WHERE user_id = ${userId}::bigint AND confirmed_at IS NULL`,
    sql`SELECT 1 / count(*)::int AS confirmed FROM directory WHERE user_id = ${userId}::bigint AND confirmed_at IS NOT NULL`,
  ]
}

/** Gives a claim up. A row `{ user_id }` when it was one still. */
export function giveUp(userId: Id): SQL {
  return sql`DELETE FROM directory WHERE user_id = ${userId}::bigint AND confirmed_at IS NULL RETURNING user_id`
}

/** Which of these people have an entry, claimed or confirmed. Rows of `{ user_id }`. */
export function entriesOf(ids: SQL): SQL {
  return sql`SELECT user_id FROM directory WHERE user_id = ANY(${ids})`
}

/** One row `{ filled }`: whether the directory holds anybody. */
export const directoryFilled = (): SQL => sql`SELECT EXISTS (SELECT 1 FROM directory) AS filled`

/** Enters everybody whose rows are in this database: when a second one joins it. */
export function enterEverybody(): SQL {
  return sql`INSERT INTO directory (user_id, username, email, claimed_at, confirmed_at)
    SELECT user_id, username, email, created_at, created_at FROM users ON CONFLICT DO NOTHING`
}

/**
 * A new account with its first session. In one database it is one transaction. Over several the name is claimed in the
 * directory, the account written where it belongs, and the claim confirmed together with session, events and key: that
 * commit is what makes the account exist. A crash before it leaves a claim that runs out and rows that nobody finds, which
 * the next one of that name in that database clears away.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { sqlState, UNIQUE_VIOLATION, violatedConstraint } from '../database.ts'
import { batchAcross, type Shards } from '../placement.ts'
import { insertAccount, insertSession, type NewAccount, type NewSession } from './accounts.ts'
import { claim, confirm, entriesOf, giveUp } from './directory.ts'
import { idList } from './feed.ts'

/**
 * @param others statements that belong into the same transaction: events, the idempotency key
 * @throws unique violations: `users_*` and `credentials_*`, over several databases `directory_*` too, and those of `others`
 */
export function signUp(account: NewAccount, session: NewSession, others: readonly SQL[]): SQL[] {
  const rows = insertAccount(account)
  const rest = [insertSession(session), ...others]
  return batchAcross([...rows, ...rest], async (shards) => {
    const { userId } = account
    await shards.directory.batch(claim(account))
    try {
      await insertWhereFree(shards, account, rows)
    } catch (error) {
      await shards.directory.query(giveUp(userId))
      throw error
    }
    try {
      return await shards.directory.batch([...confirm(userId), ...rest])
    } catch (error) {
      if ((await shards.directory.query(giveUp(userId))).length > 0) await removeUsers(shards, userId, [userId])
      throw error
    }
  })
}

/** The name is ours by the directory: whoever else has it in this database is what a crash left of a sign-up. */
async function insertWhereFree(shards: Shards, account: NewAccount, rows: SQL[]): Promise<void> {
  const { userId, username, email } = account
  const database = shards.of(userId)
  try {
    await database.batch(rows)
  } catch (error) {
    const isName = /^users_(username|email)_/.test(violatedConstraint(error) ?? '')
    if (sqlState(error) !== UNIQUE_VIOLATION || !isName) throw error
    const holders = await database.query<{ user_id: Id }>(
      sql`SELECT user_id FROM users WHERE username = ${username} OR email = ${email}`,
    )
    await removeUsers(shards, userId, await withoutEntry(shards, holders))
    await database.batch(rows)
  }
}

/** A claim is entered before its user's row: without an entry there will never be one. */
async function withoutEntry(shards: Shards, holders: readonly { user_id: Id }[]): Promise<Id[]> {
  const ids = holders.map((row) => String(row.user_id))
  const entered = await shards.directory.query<{ user_id: Id }>(entriesOf(idList(ids)))
  const known = new Set(entered.map((row) => String(row.user_id)))
  return ids.filter((id) => !known.has(id))
}

async function removeUsers(shards: Shards, beside: Id, ids: readonly Id[]): Promise<void> {
  await shards
    .of(beside)
    .batch([
      sql`DELETE FROM credentials WHERE user_id = ANY(${idList(ids)})`,
      sql`DELETE FROM users WHERE user_id = ANY(${idList(ids)})`,
    ])
}

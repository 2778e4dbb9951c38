/**
 * Who owns a range, while it changes hands. Writers assert it in their own transactions (assert_shards): they hold a shared
 * lock on the range's first shard, so whoever locks that alone has waited for all of them.
 */
import type { ShardRange } from '#core/shard-map.ts'
import { type NamedDatabase, single, transaction } from './databases.ts'

/** "tide" in ASCII, as in assert_shards. */
const OWNER_LOCK = 1_953_064_804

/** Milliseconds to wait for writers: behind this request, new ones wait as well. */
const LOCK_TIMEOUT_MS = 2_000

/**
 * Makes a range one of its own: cut from its neighbours at both ends, in the database that owns it. The epoch stays, so
 * writers notice nothing; whoever asserts the whole former range reads the map again.
 */
export async function cutOut(database: NamedDatabase, { first, last }: ShardRange): Promise<void> {
  for (const at of [first, last + 1]) await cutAt(database, at)
}

async function cutAt({ client }: NamedDatabase, shard: number): Promise<void> {
  const around = 'first_shard < $1 AND last_shard >= $1'
  const cut = await single<number>(client, `SELECT first_shard FROM shard_owner WHERE ${around}`, [shard])
  if (cut === null) return
  await transaction(client, async () => {
    await lockAlone(client, [cut])
    await client.query(
      `WITH former AS (SELECT * FROM shard_owner WHERE ${around}),
            kept AS (UPDATE shard_owner o SET last_shard = $1::int - 1 FROM former f WHERE o.first_shard = f.first_shard)
       INSERT INTO shard_owner (first_shard, last_shard, epoch, state) SELECT $1::int, last_shard, epoch, state FROM former`,
      [shard],
    )
  })
}

async function lockAlone(client: NamedDatabase['client'], firsts: readonly number[]): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
  for (const first of firsts) await client.query('SELECT pg_advisory_xact_lock($1, $2)', [OWNER_LOCK, first])
}

/** After this nobody writes rows of the range there; all who did have committed. They are still read. */
export async function closeAt({ client }: NamedDatabase, { first, last }: ShardRange): Promise<void> {
  const within = 'first_shard >= $1 AND last_shard <= $2'
  const { rows } = await client.query<{ first_shard: number }>(
    `SELECT first_shard FROM shard_owner WHERE ${within} ORDER BY first_shard`,
    [first, last],
  )
  await transaction(client, async () => {
    await lockAlone(
      client,
      rows.map((row) => row.first_shard),
    )
    await client.query(`UPDATE shard_owner SET state = 'closing' WHERE ${within} AND state = 'open'`, [first, last])
  })
}

/** Takes a close back. */
export async function reopenAt(database: NamedDatabase, range: ShardRange): Promise<void> {
  await setState(database, range, 'closing', 'open')
}

/** After this nobody reads rows of the range there either. */
export async function leaveAt(database: NamedDatabase, range: ShardRange): Promise<void> {
  await setState(database, range, 'closing', 'moved')
}

async function setState({ client }: NamedDatabase, { first, last }: ShardRange, from: string, to: string) {
  await client.query('UPDATE shard_owner SET state = $4 WHERE first_shard >= $1 AND last_shard <= $2 AND state = $3', [
    first,
    last,
    from,
    to,
  ])
}

export async function stateAt({ client }: NamedDatabase, { first, last }: ShardRange): Promise<string[]> {
  const { rows } = await client.query<{ state: string }>(
    'SELECT DISTINCT state FROM shard_owner WHERE first_shard >= $1 AND last_shard <= $2',
    [first, last],
  )
  return rows.map(({ state }) => state)
}

/** Notes at the target what it is to own. */
export async function expectAt({ client }: NamedDatabase, { first, last }: ShardRange, epoch: number): Promise<void> {
  await client.query(
    `INSERT INTO shard_owner (first_shard, last_shard, epoch, state) VALUES ($1, $2, $3, 'incoming')
     ON CONFLICT (first_shard) DO NOTHING`,
    [first, last, epoch],
  )
}

/** This commit is durable only after all that was replicated before it is. */
export async function openAt({ client }: NamedDatabase, { first }: ShardRange, epoch: number): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE shard_owner SET state = 'open' WHERE first_shard = $1 AND epoch = $2 AND state IN ('incoming', 'open')`,
    [first, epoch],
  )
  if (rowCount !== 1) throw new Error('The target does not expect these shards any more.')
}

/** Forgets what a database does not own, or was to own. */
export async function forgetAt({ client }: NamedDatabase, { first, last }: ShardRange): Promise<void> {
  await client.query(
    `DELETE FROM shard_owner WHERE first_shard >= $1 AND last_shard <= $2 AND state IN ('moved', 'incoming')`,
    [first, last],
  )
}

/** Removes rows of a range from a database that does not own them: what a move, or one that was given up, left behind. */
import type { ShardRange } from '#core/shard-map.ts'
import { type NamedDatabase, single } from './databases.ts'
import { inRange, ofNobodyHere, SHARDED_TABLES } from './tables.ts'

/** Blocks of 8 KiB a statement: some thousands of rows, some milliseconds. */
const BLOCKS_A_STATEMENT = 64

/**
 * One pass over each table in its physical order: each statement reads a bounded part of it, whatever the range, and no index
 * is asked. Rows of pairs stay where the other person is owned here. Repeats harmlessly.
 * @param report how many blocks of how many were read, and rows removed so far
 * @returns rows removed
 */
export async function removeRows(
  { client }: NamedDatabase,
  range: ShardRange,
  report: (table: string, removed: number) => void = () => {},
): Promise<number> {
  let removed = 0
  for (const table of SHARDED_TABLES) {
    const condition = `(${inRange(table, range)}) AND ${ofNobodyHere(table)}`
    for (let block = 0; ; block += BLOCKS_A_STATEMENT) {
      const blocks = await single<number>(
        client,
        `SELECT (pg_relation_size($1::regclass) / current_setting('block_size')::int)::int`,
        [table.name],
      )
      if (block >= (blocks ?? 0)) break
      const { rowCount } = await client.query(
        `DELETE FROM ${table.name} WHERE ctid >= $1::tid AND ctid < $2::tid AND ${condition}`,
        [`(${block},0)`, `(${block + BLOCKS_A_STATEMENT},0)`],
      )
      removed += rowCount ?? 0
    }
    report(table.name, removed)
  }
  return removed
}

interface Person {
  user_id: string
  username: string
  email: string
}

const PEOPLE_A_PAGE = 5_000

/**
 * Sign-ups that died between the databases leave people whom the directory does not know, with a name that another one may
 * have by now. Where such two would meet, the one without an entry goes (queries/sign-up.ts does the same).
 */
export async function removeLeftovers(
  source: NamedDatabase,
  target: NamedDatabase,
  directory: NamedDatabase,
  { first, last }: ShardRange,
): Promise<void> {
  for (let after = '0'; ; ) {
    const { rows } = await source.client.query<Person>(
      `SELECT user_id::text, username, email FROM users
        WHERE user_id > $1 AND ((user_id >> 10) & 8191) BETWEEN $2 AND $3 ORDER BY user_id LIMIT ${PEOPLE_A_PAGE}`,
      [after, first, last],
    )
    const lastOne = rows.at(-1)
    if (lastOne === undefined) return
    after = lastOne.user_id
    const namesakes = await namesakesAt(target, rows)
    if (namesakes.length === 0) continue
    const known = await directory.client.query<{ user_id: string }>(
      'SELECT user_id::text FROM directory WHERE user_id = ANY($1::bigint[])',
      [namesakes.flatMap(({ here, there }) => [here, there])],
    )
    const entered = new Set(known.rows.map((row) => row.user_id))
    await removePeople(
      source,
      namesakes.map(({ here }) => here).filter((id) => !entered.has(id)),
    )
    await removePeople(
      target,
      namesakes.map(({ there }) => there).filter((id) => !entered.has(id)),
    )
  }
}

async function namesakesAt({ client }: NamedDatabase, people: readonly Person[]) {
  const incoming = 'jsonb_to_recordset($1::jsonb) AS p (user_id bigint, username text, email text)'
  const pair = (column: string) =>
    `SELECT p.user_id::text AS here, u.user_id::text AS there FROM ${incoming}
       JOIN users u ON u.${column} = p.${column} AND u.user_id <> p.user_id`
  const { rows } = await client.query<{ here: string; there: string }>(`${pair('username')} UNION ${pair('email')}`, [
    JSON.stringify(people),
  ])
  return rows
}

async function removePeople({ client }: NamedDatabase, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await client.query('DELETE FROM credentials WHERE user_id = ANY($1::bigint[])', [ids])
  await client.query('DELETE FROM users WHERE user_id = ANY($1::bigint[])', [ids])
}

/** Requests to follow whose follow says otherwise by now: a crash may have left one beside a copy that was older. */
export async function settleRequests({ client }: NamedDatabase): Promise<void> {
  await client.query(`DELETE FROM follow_requests r USING follows f
    WHERE f.follower_id = r.follower_id AND f.followee_id = r.followee_id
      AND f.state <> 'requested' AND r.version <= f.version`)
}

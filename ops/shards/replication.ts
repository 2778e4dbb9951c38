/**
 * The target follows the source: a publication with a row filter a table, a slot, and a subscription. All three have the
 * move's name, and making one that is there already changes nothing.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ShardRange } from '#core/shard-map.ts'
import { type NamedDatabase, single } from './databases.ts'
import { inRange, MARKS, SHARDED_TABLES } from './tables.ts'

export const replicationName = ({ first, last }: ShardRange): string => `tideline_shards_${first}_${last}`

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

export async function publish({ client }: NamedDatabase, range: ShardRange): Promise<void> {
  const name = replicationName(range)
  if (await single(client, 'SELECT 1 FROM pg_publication WHERE pubname = $1', [name])) return
  const tables = SHARDED_TABLES.map((table) => `${table.name} WHERE (${inRange(table, range)})`)
  await client.query(`CREATE PUBLICATION ${name} FOR TABLE ${[...tables, MARKS].join(', ')}
    WITH (publish = 'insert, update, delete')`)
}

/**
 * The slot comes by itself and before the subscription: made by that, it would hang where both databases are on one server,
 * and be left behind when this process dies in between.
 * @param url how the target's server reaches the source
 */
export async function subscribe(source: NamedDatabase, target: NamedDatabase, range: ShardRange, url: string) {
  const name = replicationName(range)
  if (!(await single(source.client, 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [name]))) {
    await source.client.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [name])
  }
  if (!(await isSubscribed(target, range))) {
    await target.client.query(`CREATE SUBSCRIPTION ${name} CONNECTION ${literal(url)} PUBLICATION ${name}
      WITH (create_slot = false, slot_name = ${name}, copy_data = true, enabled = false)`)
  }
  await goOnFollowing(source, target, range)
}

/** @throws Error when the slot is gone, as after the promotion of a replica: what was written since is not known any more */
export async function goOnFollowing(source: NamedDatabase, target: NamedDatabase, range: ShardRange): Promise<void> {
  const name = replicationName(range)
  if (!(await single(source.client, 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [name]))) {
    throw new Error(`${source.name} has lost the slot ${name}: give the move up with --abort, and begin again.`)
  }
  await target.client.query(`ALTER SUBSCRIPTION ${name} ENABLE`)
}

async function isSubscribed({ client }: NamedDatabase, range: ShardRange): Promise<boolean> {
  const here = 'subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())'
  const found = await single(client, `SELECT 1 FROM pg_subscription WHERE subname = $1 AND ${here}`, [
    replicationName(range),
  ])
  return found !== null
}

export interface CopyState {
  /** Tables that follow the source, of `tables`. */
  ready: number
  tables: number
  /** Rows of the initial copies that are under way. */
  copying: number
  /** Times that the target could not bring in what came. */
  errors: number
}

export async function copyState({ client }: NamedDatabase, range: ShardRange): Promise<CopyState> {
  const { rows } = await client.query<CopyState>(
    `SELECT count(*) FILTER (WHERE r.srsubstate = 'r')::int AS ready, count(*)::int AS tables,
            (SELECT coalesce(sum(tuples_processed), 0)::int FROM pg_stat_progress_copy
              WHERE datname = current_database()) AS copying,
            (SELECT coalesce(sum(apply_error_count + sync_error_count), 0)::int FROM pg_stat_subscription_stats
              WHERE subname = $1) AS errors
       FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid WHERE s.subname = $1`,
    [replicationName(range)],
  )
  return rows[0] ?? { ready: 0, tables: 0, copying: 0, errors: 0 }
}

/**
 * Writes a mark at the source and waits until it stands at the target: changes arrive in the order of their commits, so
 * everything that was committed before has arrived, too.
 * @returns milliseconds; null when it did not come in time
 */
export async function waitForMark(
  source: NamedDatabase,
  target: NamedDatabase,
  range: ShardRange,
  withinMs: number,
): Promise<number | null> {
  const began = performance.now()
  const mark = `${replicationName(range)}.${Date.now()}.${Math.round(began)}`
  await source.client.query(`INSERT INTO ${MARKS} (mark) VALUES ($1)`, [mark])
  while (!(await single(target.client, `SELECT 1 FROM ${MARKS} WHERE mark = $1`, [mark]))) {
    if (performance.now() - began > withinMs) return null
    await delay(2)
  }
  return performance.now() - began
}

/** After this nothing that the source writes arrives any more. */
export async function stopFollowing({ client }: NamedDatabase, range: ShardRange): Promise<void> {
  const name = replicationName(range)
  await client.query(`ALTER SUBSCRIPTION ${name} DISABLE`)
  const working = 'SELECT 1 FROM pg_stat_subscription WHERE subname = $1 AND pid IS NOT NULL'
  while (await single(client, working, [name])) await delay(2)
}

/** Removes subscription, slot and publication, as many of them as there are. */
export async function unsubscribe(source: NamedDatabase, target: NamedDatabase, range: ShardRange): Promise<void> {
  const name = replicationName(range)
  if (await isSubscribed(target, range)) {
    await stopFollowing(target, range)
    await target.client.query(`DROP SUBSCRIPTION ${name}`)
  }
  const idle = 'SELECT slot_name FROM pg_replication_slots WHERE slot_name = $1'
  while (await single(source.client, `${idle} AND active`, [name])) await delay(20)
  if (await single(source.client, idle, [name])) {
    await source.client.query('SELECT pg_drop_replication_slot($1)', [name])
  }
  await source.client.query(`DROP PUBLICATION IF EXISTS ${name}`)
  for (const { client } of [source, target]) await client.query(`DELETE FROM ${MARKS}`)
}

/** What has to hold before several databases are used as one. */
import { sql } from 'drizzle-orm'
import { formatRanges, type OwnedRange, type ShardRange } from '#core/shard-map.ts'
import type { Database } from './database.ts'
import { recordedRanges } from './ownership.ts'
import { directoryFilled, enterEverybody } from './queries/directory.ts'
import type { Shard } from './sharded.ts'

/** How a database is called, by its place in the settings when it first took part. */
export const databaseName = (index: number): string => `db${index + 1}`

/** The first start needs all databases, and one of them cannot be reached. */
export class MissingDatabaseError extends Error {
  /** Its place in the settings. */
  readonly index: number

  constructor(index: number) {
    super(`${databaseName(index)} cannot be reached: the first start needs all.`)
    this.name = 'MissingDatabaseError'
    this.index = index
  }
}

/**
 * The first start founds the map of all databases with the ranges of the settings; from then on the map says who owns what,
 * and moves change it. Each database knows its name and what it owns itself. Then enters the people that a single database
 * knew into the directory. Repeats harmlessly, also while a move is under way. Answers the map; none for a single database.
 * @param away cannot be reached just now: what a database that took part before has been told already, it is told later
 * @throws MissingDatabaseError when it is the first start and one is away
 * @throws Error with a sentence when the first database holds people of others, when the settings name too few databases, or
 *   in another order than before
 */
export async function settleShards(
  shards: readonly [Shard, ...Shard[]],
  away: ReadonlySet<number> = new Set(),
): Promise<readonly OwnedRange[]> {
  const directory = shards[0].database
  const known = await recordedRanges(directory)
  if (known.length === 0) {
    if (shards.length === 1) return []
    const [missing] = away
    if (missing !== undefined) throw new MissingDatabaseError(missing)
    if (await holdsOthersPeople(directory, shards[0].ranges)) {
      throw new Error(
        'The first of DATABASE_URLS holds people of shards that the settings give to other databases. ' +
          'It keeps what it has: name its ranges (…#0-8191) and give the others none (…#none).',
      )
    }
    await record(
      directory,
      shards.map(({ ranges }) => ranges),
    )
  }
  const map = await recordedRanges(directory)
  const lacking = map.find(({ database }) => database >= shards.length)
  if (lacking !== undefined) {
    const name = databaseName(lacking.database)
    throw new Error(`Shards ${formatRanges([lacking])} are in ${name}, which DATABASE_URLS does not name.`)
  }
  for (const [index, { database }] of shards.entries()) {
    if (!away.has(index)) await introduce(database, index, map)
  }
  const [filled] = await directory.query<{ filled: boolean }>(directoryFilled())
  if (!filled?.filled) await directory.query(enterEverybody())
  return map
}

/** One statement, so that starts at the same time agree. */
async function record(directory: Database, ranges: readonly (readonly ShardRange[])[]): Promise<void> {
  const rows = ranges.flatMap((own, database) => own.map(({ first, last }) => ({ first, last, database })))
  await directory.query(sql`INSERT INTO shard_ranges (first_shard, last_shard, database)
    SELECT r.first, r.last, r.database
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r (first int, last int, database int)
    ON CONFLICT (first_shard) DO NOTHING`)
  const written = (list: readonly (ShardRange & { database: number })[]) =>
    list.map(({ first, last, database }) => `${first}-${last}:${database}`).sort()
  if (written(await recordedRanges(directory)).join() !== written(rows).join()) {
    throw new Error('Another start has settled other ranges.')
  }
}

/**
 * Tells a database who it is and, when it is new to it, what it owns by the map. Only what never moved: what a move brings
 * it, the move opens.
 */
async function introduce(database: Database, index: number, map: readonly OwnedRange[]): Promise<void> {
  await database.query(sql`INSERT INTO shard_database (name)
    SELECT ${databaseName(index)} WHERE NOT EXISTS (SELECT 1 FROM shard_database) ON CONFLICT DO NOTHING`)
  const [named] = await database.query<{ name: string }>(sql`SELECT name FROM shard_database`)
  if (named?.name !== databaseName(index)) {
    throw new Error(`DATABASE_URLS names ${named?.name} at the place of ${databaseName(index)}. Keep their order.`)
  }
  const own = map.filter((range) => range.database === index && range.epoch === 1)
  await database.query(sql`INSERT INTO shard_owner (first_shard, last_shard)
    SELECT r.first, r.last FROM jsonb_to_recordset(${JSON.stringify(own)}::jsonb) AS r (first int, last int)
     WHERE NOT EXISTS (SELECT 1 FROM shard_owner) ON CONFLICT DO NOTHING`)
}

async function holdsOthersPeople(directory: Database, own: readonly ShardRange[]): Promise<boolean> {
  const [row] = await directory.query<{ others: boolean }>(sql`SELECT EXISTS (
    SELECT 1 FROM users u WHERE NOT EXISTS (
      SELECT 1 FROM jsonb_to_recordset(${JSON.stringify(own)}::jsonb) AS r (first int, last int)
       WHERE ((u.user_id >> 10) & 8191) BETWEEN r.first AND r.last)) AS others`)
  return row?.others ?? false
}

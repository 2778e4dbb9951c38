/** What has to hold before several databases are used as one. */
import { sql } from 'drizzle-orm'
import { formatRanges, type ShardRange } from '#core/shard-map.ts'
import type { Database } from './database.ts'
import { directoryFilled, enterEverybody } from './queries/directory.ts'
import type { Shard } from './sharded.ts'

/**
 * Keeps the ranges of the first start in the first database and holds later ones to them: with other ranges, rows that
 * exist would not be found. Then enters the people that a single database knew into the directory. Repeats harmlessly.
 * @throws Error with a sentence, which names ranges only, when rows lie elsewhere than the settings say
 */
export async function settleShards(shards: readonly [Shard, ...Shard[]]): Promise<void> {
  const directory = shards[0].database
  const known = await recordedRanges(directory)
  const asked = shards.map(({ ranges }) => ranges)
  if (known.length === 0) {
    if (shards.length === 1) return
    if (await holdsOthersPeople(directory, shards[0].ranges)) {
      throw new Error(
        'The first of DATABASE_URLS holds people of shards that the settings give to other databases. ' +
          'It keeps what it has: name its ranges (…#0-8191) and give the others none (…#none).',
      )
    }
    await record(directory, asked)
  } else if (!isSame(known, asked)) {
    const written = known.map(formatRanges).join(', ')
    throw new Error(`The databases hold other shards than DATABASE_URLS says. They hold, in their order: ${written}.`)
  }
  const [filled] = await directory.query<{ filled: boolean }>(directoryFilled())
  if (!filled?.filled) await directory.query(enterEverybody())
}

/** The ranges of each database, in their order. */
async function recordedRanges(directory: Database): Promise<ShardRange[][]> {
  const rows = await directory.query<{ first_shard: number; last_shard: number; database: number }>(
    sql`SELECT first_shard, last_shard, database FROM shard_ranges ORDER BY first_shard`,
  )
  const known: ShardRange[][] = []
  for (const { first_shard: first, last_shard: last, database } of rows) {
    while (known.length <= database) known.push([])
    known[database]?.push({ first, last })
  }
  return known
}

/** One statement, so that starts at the same time agree. */
async function record(directory: Database, ranges: readonly (readonly ShardRange[])[]): Promise<void> {
  const rows = ranges.flatMap((own, database) => own.map(({ first, last }) => ({ first, last, database })))
  await directory.query(sql`INSERT INTO shard_ranges (first_shard, last_shard, database)
    SELECT r.first, r.last, r.database
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r (first int, last int, database int)
    ON CONFLICT (first_shard) DO NOTHING`)
  if (!isSame(await recordedRanges(directory), ranges)) throw new Error('Another start has settled other ranges.')
}

/** Databases at the end that own nothing yet are no difference. */
function isSame(known: readonly (readonly ShardRange[])[], asked: readonly (readonly ShardRange[])[]): boolean {
  const written = (ranges: readonly (readonly ShardRange[])[]) =>
    ranges.map((own) => formatRanges([...own].sort((a, b) => a.first - b.first))).join(',')
  return written(known).replace(/(,none)+$/, '') === written(asked).replace(/(,none)+$/, '')
}

async function holdsOthersPeople(directory: Database, own: readonly ShardRange[]): Promise<boolean> {
  const [row] = await directory.query<{ others: boolean }>(sql`SELECT EXISTS (
    SELECT 1 FROM users u WHERE NOT EXISTS (
      SELECT 1 FROM jsonb_to_recordset(${JSON.stringify(own)}::jsonb) AS r (first int, last int)
       WHERE ((u.user_id >> 10) & 8191) BETWEEN r.first AND r.last)) AS others`)
  return row?.others ?? false
}

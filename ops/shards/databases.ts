/** The databases of the settings, as the commands about shards reach them: a connection each, by name. */
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { formatRanges, type OwnedRange, type ShardDatabase, type ShardRange } from '#core/shard-map.ts'
import { nodeDatabase } from '#drizzle/database.ts'
import { recordedRanges } from '#drizzle/ownership.ts'
import { databaseName, settleShards } from '#drizzle/settle-shards.ts'
import type { Shard } from '#drizzle/sharded.ts'

export interface NamedDatabase {
  readonly name: string
  /** Its place in the settings, which the map of all databases names it by. */
  readonly index: number
  readonly url: string
  readonly client: pg.Client
}

export interface Databases {
  readonly all: readonly NamedDatabase[]
  /** Holds the map and the moves. */
  readonly directory: NamedDatabase
  map(): Promise<readonly OwnedRange[]>
  close(): Promise<void>
}

/** @throws Error with a sentence when there are fewer than two, or when they are not a system's */
export async function openShardDatabases(settings: readonly ShardDatabase[]): Promise<Databases> {
  if (settings.length < 2) {
    throw new Error(
      'DATABASE_URLS names one database. Name a second one, with #none when the first holds people already, and start Tideline with it.',
    )
  }
  const all: NamedDatabase[] = []
  const close = async () => {
    for (const { client } of all) await client.end().catch(() => {})
  }
  try {
    for (const [index, { url }] of settings.entries()) {
      const client = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'tideline shards' })
      // A connection that breaks fails the statement that it is asked next; without a listener it would end the process.
      client.on('error', () => {})
      await client.connect()
      all.push({ name: databaseName(index), index, url, client })
    }
    const shards = all.map(
      ({ client, index }): Shard => ({
        database: nodeDatabase(drizzle({ client })),
        ranges: settings[index]?.ranges ?? [],
      }),
    )
    const [first, ...others] = shards
    const [directory] = all
    if (first === undefined || directory === undefined) throw new Error('there is no database')
    await settleShards([first, ...others])
    return { all, directory, map: () => recordedRanges(first.database), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Runs statements as one transaction. */
export async function transaction(client: pg.Client, run: () => Promise<void>): Promise<void> {
  await client.query('BEGIN')
  try {
    await run()
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** The only value of a statement's only row; null without one. */
export async function single<T>(client: pg.Client, text: string, values: unknown[] = []): Promise<T | null> {
  const { rows } = await client.query<unknown[]>({ text, values, rowMode: 'array' })
  return (rows[0]?.[0] as T | undefined) ?? null
}

export const rangeName = (range: ShardRange): string => formatRanges([range])

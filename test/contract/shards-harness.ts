/** Relational stores over one or several databases, for the suite that holds them to the same answers. */

import { type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { createIdFactory, type Id, type IdFactory, idShard } from '#core/ids.ts'
import { parseShardDatabases } from '#core/shard-map.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import type { NewAccount } from '#drizzle/queries/accounts.ts'
import { createPost } from '#drizzle/queries/posts.ts'
import { settleShards } from '#drizzle/settle-shards.ts'
import { type Shard, shardedDatabase } from '#drizzle/sharded.ts'
import { startShards } from './engines.ts'

export interface Relational {
  /** Routed, as the services get it. */
  database: Database
  /** Each by itself. */
  shards: readonly [Shard, ...Shard[]]
  /** The same databases in a process that dies after so many calls: the last one is carried out, its answer lost. */
  dyingAfter(calls: number): Database
  person(options: { shard: number; name?: string; isPrivate?: boolean }): Promise<Id>
  post(author: Id): Promise<Id>
  account(shard: number, name: string, email?: string): NewAccount
  /** Events in the outboxes that nobody has published, oldest first. */
  events(): Promise<{ id: string; type: string; data: Record<string, unknown> }[]>
  close(): Promise<void>
}

/** In the first half of the shards, and in the second: with two databases they lie apart. */
export const [HERE, THERE] = [11, 8_000]

class Died extends Error {}

type Engines = Awaited<ReturnType<typeof startShards>>

/** @param engines empty databases; of its own when left out */
export async function openRelational(count: number, engines?: Engines): Promise<Relational> {
  engines ??= await startShards(count)
  const pools = engines.urls.map((connectionString) => new pg.Pool({ connectionString, max: 4 }))
  for (const pool of pools) {
    pool.on('error', () => {})
    pool.on('connect', (client) => void client.on('error', () => {}))
    await migrate(pool)
  }
  const shards = parseShardDatabases(engines.urls.join(',')).map(({ ranges }, i) => ({
    ranges,
    database: nodeDatabase(drizzle(pools[i]!)),
  })) as unknown as [Shard, ...Shard[]]
  await settleShards(shards)
  const database = shardedDatabase(shards)
  const ids = createIdFactory(Date.now, Math.random)
  return {
    database,
    shards,
    dyingAfter: (calls) => shardedDatabase(mortal(shards, calls)),
    ...makers(database, shards, ids),
    async events() {
      const statement = sql`SELECT body FROM outbox WHERE published_at IS NULL ORDER BY created_at, event_id`
      const rows = await Promise.all(shards.map((shard) => shard.database.query<{ body: never }>(statement)))
      return rows.flat().map((row) => row.body)
    },
    async close() {
      for (const pool of pools) await pool.end()
      await engines?.close()
    },
  }
}

function makers(database: Database, shards: readonly [Shard, ...Shard[]], ids: IdFactory) {
  let people = 0
  const account = (shard: number, name: string, email = `${name}@example.org`): NewAccount => ({
    userId: ids.next(shard),
    username: name,
    email,
    displayName: name,
    passwordHash: `hash of ${name}`,
  })
  return {
    account,
    async person({ shard, name = `person${people++}`, isPrivate = false }: Parameters<Relational['person']>[0]) {
      const made = account(shard, name)
      const owner = shards.find(({ ranges }) => ranges.some(({ first, last }) => shard >= first && shard <= last))
      await owner?.database.query(sql`INSERT INTO users (user_id, username, email, is_private)
        VALUES (${made.userId}::bigint, ${name}, ${made.email}, ${isPrivate})`)
      await shards[0].database.query(sql`INSERT INTO directory (user_id, username, email, confirmed_at)
        VALUES (${made.userId}::bigint, ${name}, ${made.email}, now())`)
      return made.userId
    },
    async post(author: Id) {
      const postId = ids.next(idShard(author))
      const made = { postId, userId: author, caption: '', hashtags: [], mediaIds: [], traceparent: null }
      await database.query(createPost(made))
      return postId
    },
  }
}

function mortal(shards: readonly [Shard, ...Shard[]], calls: number): [Shard, ...Shard[]] {
  let left = calls
  const living = async <T>(call: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw new Died('the process is dead')
    const answer = await call()
    if (left <= 0) throw new Died('the process died before it had the answer')
    return answer
  }
  return shards.map(({ database, ranges }) => ({
    ranges,
    database: {
      query: <T>(statement: SQL) => living(() => database.query<T>(statement)),
      batch: (statements: readonly SQL[]) => living(() => database.batch(statements)),
    },
  })) as unknown as [Shard, ...Shard[]]
}

/** What stands in each store, read past Tideline: rows, partitions, documents, sorted sets and counters as they are. */
import { Client as CassandraClient, type types } from 'cassandra-driver'
import pg from 'pg'
import { z } from 'zod'
import { keys, MARK, SENTINEL } from '#core/keys.ts'
import { ownerOf, parseShardDatabases, shardOwners } from '#core/shard-map.ts'
import { createRedisPort } from '../../../origin/redis/index.ts'

export interface Stores {
  /** Rows of each database, one after the other. */
  sql<T>(text: string, ...values: unknown[]): Promise<T[]>
  /** Who stands in a post's partitions of likes, as often as there. */
  likersOf(post: string): Promise<string[]>
  /** Posts that a person's own row says they like. */
  likedBy(user: string): Promise<string[]>
  /** Who stands in a post's partitions of shares, as often as there. */
  sharersOf(post: string): Promise<string[]>
  /** Posts that a person's own row says they have shared. */
  sharedBy(user: string): Promise<string[]>
  /** A post's comments that are not deleted. */
  commentsOf(post: string): Promise<{ author: string; body: string }[]>
  /** Of these posts those that the index finds, as often as it does. */
  indexed(posts: readonly string[]): Promise<string[]>
  /** A reader's timeline; null: it is cold. */
  timeline(user: string): Promise<{ floor: number; posts: string[] } | null>
  /** What a person likes as it is kept for feeds; null: not kept. */
  likedSet(user: string): Promise<string[] | null>
  /** `likes:comments` as it is kept for feeds; null: not kept. */
  counts(posts: readonly string[]): Promise<(string | null)[]>
  /** In how many databases a row about two people lies: in both of theirs. */
  placesOf(one: string, other: string): number
  /** Takes a post out of the index and of a reader's timeline, for a checker to notice. */
  lose(post: string, reader: string): Promise<void>
  /** Takes a post's counters away, for a checker to notice. */
  loseCounts(post: string): Promise<void>
  close(): Promise<void>
}

export type StoreSettings = Record<
  | 'DATABASE_URLS'
  | 'REDIS_URL'
  | 'CASSANDRA_CONTACT_POINTS'
  | 'CASSANDRA_DATACENTER'
  | 'CASSANDRA_KEYSPACE'
  | 'ELASTICSEARCH_URL'
  | 'ELASTICSEARCH_PREFIX',
  string
>

export function openStores(settings: StoreSettings): Stores {
  const databases = parseShardDatabases(settings.DATABASE_URLS)
  const owners = shardOwners(databases)
  const pools = databases.map(({ url }) => new pg.Pool({ connectionString: url, max: 2 }))
  // A server that is killed ends idle connections, too.
  for (const pool of pools) pool.on('error', () => {})
  const redis = createRedisPort(settings.REDIS_URL)
  const cassandra = engagementRows(settings)
  return {
    sql: async <T>(text: string, ...values: unknown[]) =>
      (await Promise.all(pools.map((pool) => pool.query(text, values)))).flatMap(({ rows }) => rows as T[]),
    ...cassandra,
    indexed: (posts) => documents(settings, posts),
    async timeline(user) {
      const [flat] = await redis.pipeline([['ZRANGE', keys.timeline(user), 0, -1, 'WITHSCORES']])
      const members = pairs(z.array(z.union([z.string(), z.number()])).parse(flat))
      const floor = members.find(([member]) => member === MARK)?.[1]
      if (floor === undefined) return null
      return { floor, posts: members.flatMap(([member]) => (/^\d+$/.test(member) ? [member] : [])) }
    },
    async likedSet(user) {
      const [members] = await redis.pipeline([['ZRANGE', keys.liked(user), 0, -1]])
      const kept = z.array(z.string()).parse(members)
      return kept.includes(SENTINEL) ? kept.filter((member) => /^\d+$/.test(member)) : null
    },
    async counts(posts) {
      return z.array(z.string().nullable()).parse(await redis.pipeline(posts.map((post) => ['GET', keys.counts(post)])))
    },
    placesOf: (one, other) => new Set([ownerOf(owners, one), ownerOf(owners, other)]).size,
    async loseCounts(post) {
      await redis.pipeline([['DEL', keys.counts(post)]])
    },
    async lose(post, reader) {
      await redis.pipeline([['ZREM', keys.timeline(reader), post]])
      const { ELASTICSEARCH_URL: url, ELASTICSEARCH_PREFIX: prefix } = settings
      const answer = await fetch(`${url}/${prefix}-posts/_doc/${post}?refresh=true`, { method: 'DELETE' })
      if (!answer.ok) throw new Error(`Elasticsearch answered ${answer.status}`)
    },
    async close() {
      await Promise.all([redis.close(), cassandra.close(), ...pools.map((pool) => pool.end())])
    },
  }
}

/** A connection a look: the driver takes its time to find a node again that has died. */
function engagementRows(settings: StoreSettings) {
  let client: CassandraClient | null = null
  const rows = async (query: string, values: string[]): Promise<types.Row[]> => {
    client ??= new CassandraClient({
      contactPoints: settings.CASSANDRA_CONTACT_POINTS.split(','),
      localDataCenter: settings.CASSANDRA_DATACENTER,
      keyspace: settings.CASSANDRA_KEYSPACE,
      pooling: { warmup: false },
    })
    try {
      return (await client.execute(query, values, { prepare: true, fetchSize: 5_000 })).rows
    } catch (error) {
      const broken = client
      client = null
      await broken.shutdown().catch(() => {})
      throw error
    }
  }
  const text = (row: types.Row, column: string) => String(row.get(column))
  return {
    // No post of these rounds fills its first bucket.
    likersOf: async (post: string) =>
      (await rows('SELECT user_id FROM likes WHERE post_id = ? AND bucket = 0', [post])).map((row) =>
        text(row, 'user_id'),
      ),
    likedBy: async (user: string) =>
      (await rows('SELECT post_id, state FROM likes_by_user WHERE user_id = ?', [user]))
        .filter((row) => row.get('state') === 'liked')
        .map((row) => text(row, 'post_id')),
    sharersOf: async (post: string) =>
      (await rows('SELECT user_id FROM shares WHERE post_id = ? AND bucket = 0', [post])).map((row) =>
        text(row, 'user_id'),
      ),
    sharedBy: async (user: string) =>
      (await rows('SELECT post_id FROM shares_by_user WHERE user_id = ?', [user])).map((row) => text(row, 'post_id')),
    commentsOf: async (post: string) =>
      (await rows('SELECT user_id, body, deleted FROM comments WHERE post_id = ? AND bucket = 0', [post]))
        .filter((row) => row.get('deleted') !== true)
        .map((row) => ({ author: text(row, 'user_id'), body: text(row, 'body') })),
    close: async () => {
      await client?.shutdown()
    },
  }
}

/** Ids are above what a JSON number holds: the document's own name tells them. */
const namedAnswer = z.object({ hits: z.object({ hits: z.array(z.object({ _id: z.string() })) }) })

async function documents(
  { ELASTICSEARCH_URL: url, ELASTICSEARCH_PREFIX: prefix }: StoreSettings,
  ids: readonly string[],
) {
  const answer = await fetch(`${url}/${prefix}-posts/_search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      size: 10_000,
      _source: false,
      query: { bool: { filter: [{ terms: { id: ids } }, { term: { deleted: false } }] } },
    }),
  })
  if (!answer.ok) throw new Error(`Elasticsearch answered ${answer.status}`)
  return namedAnswer.parse(await answer.json()).hits.hits.map(({ _id }) => _id)
}

function pairs(flat: readonly (string | number)[]): [member: string, score: number][] {
  const found: [string, number][] = []
  for (let n = 0; n + 1 < flat.length; n += 2) found.push([String(flat[n]), Number(flat[n + 1])])
  return found
}

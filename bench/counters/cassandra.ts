/** A look behind the service, what plain inserts cost beside it, and the end of the bench's keyspace. */
import { Client, types } from 'cassandra-driver'
import type { Id } from '#core/ids.ts'
import type { CassandraSettings } from '../../origin/engagement/index.ts'
import { perSecond } from './rate.ts'

async function withClient<T>(settings: CassandraSettings, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    contactPoints: [...settings.contactPoints],
    localDataCenter: settings.datacenter,
    ...(settings.credentials && { credentials: settings.credentials }),
    encoding: { useBigIntAsLong: true },
    socketOptions: { readTimeout: 60_000 },
  })
  try {
    return await work(client)
  } finally {
    await client.shutdown()
  }
}

/** How many partitions the likes of a post lie in. */
export function bucketsOf(settings: CassandraSettings, post: Id): Promise<number> {
  return withClient(settings, async (client) => {
    const query = `SELECT max(bucket) AS last FROM ${settings.keyspace}.buckets WHERE post_id = ${post} AND kind = 'likes'`
    const { rows } = await client.execute(query)
    return Number(rows[0]?.last ?? 0) + 1
  })
}

/**
 * Rows a second of a like's shape, by plain prepared inserts and nothing else: what the same node takes from the same process.
 * Made beside the bench's keyspace, in a table of its own.
 */
export function plainInsertsPerSecond(
  settings: CassandraSettings,
  people: readonly Id[],
  parallel: number,
): Promise<number> {
  const table = `${settings.keyspace}.plain_likes`
  const insert = `INSERT INTO ${table} (user_id, post_id, state, changed_at, version) VALUES (?, ?, ?, ?, ?)`
  return withClient(settings, async (client) => {
    await client.execute(`CREATE TABLE IF NOT EXISTS ${table} (user_id bigint, post_id bigint, state text, changed_at bigint,
      version bigint, PRIMARY KEY ((user_id), post_id))`)
    const options = { prepare: true, consistency: types.consistencies.localQuorum }
    return perSecond(people, parallel, (person) => {
      const now = BigInt(Date.now())
      return client.execute(insert, [BigInt(person), 1n, 'liked', now, now * 2n], options)
    })
  })
}

export function dropKeyspace(settings: CassandraSettings): Promise<unknown> {
  return withClient(settings, (client) => client.execute(`DROP KEYSPACE IF EXISTS ${settings.keyspace}`))
}

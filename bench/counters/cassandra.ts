/** A look behind the service, and the end of the bench's keyspace. */
import { Client } from 'cassandra-driver'
import type { Id } from '#core/ids.ts'
import type { CassandraSettings } from '../../origin/engagement/index.ts'

async function withClient<T>(settings: CassandraSettings, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    contactPoints: [...settings.contactPoints],
    localDataCenter: settings.datacenter,
    ...(settings.credentials && { credentials: settings.credentials }),
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

export function dropKeyspace(settings: CassandraSettings): Promise<unknown> {
  return withClient(settings, (client) => client.execute(`DROP KEYSPACE IF EXISTS ${settings.keyspace}`))
}

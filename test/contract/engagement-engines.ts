/** The engines of engagement, for its suite and others. A new one joins by a line. */
import { randomUUID } from 'node:crypto'
import { Client } from 'cassandra-driver'
import {
  BUCKET_ROWS,
  type CassandraSettings,
  cassandraEngagement,
  cassandraSession,
  type EngagementStore,
  postgresEngagement,
} from '../../origin/engagement/index.ts'
import { startDatabase } from './engines.ts'

export interface EngagementEngine {
  store: EngagementStore
  /** The same data through connections of its own, as another process would have. */
  another(): Promise<EngagementStore>
  close(): Promise<void>
}

export interface Candidate {
  name: string
  /** Null where there is no such server. */
  start: (() => Promise<EngagementEngine>) | null
  /** Why not. */
  absent: string
}

export function engagementEngines(): Candidate[] {
  return [
    { name: 'postgres', start: startPostgres, absent: '' },
    {
      name: 'cassandra',
      start: cassandraForTests() === null ? null : startCassandra,
      absent: 'CASSANDRA_CONTACT_POINTS names no server to test against',
    },
    {
      name: 'cassandra with buckets of five rows',
      start: cassandraForTests() === null ? null : () => startCassandra({ likes: 5, comments: 5, shares: 5 }),
      absent: 'CASSANDRA_CONTACT_POINTS names no server to test against',
    },
  ]
}

async function startPostgres(): Promise<EngagementEngine> {
  const { database, close } = await startDatabase()
  return { store: postgresEngagement(database), another: async () => postgresEngagement(database), close }
}

/** Settings for a keyspace of its own at the server that CASSANDRA_CONTACT_POINTS names; null without one. */
export function cassandraForTests(): CassandraSettings | null {
  const { CASSANDRA_CONTACT_POINTS, CASSANDRA_DATACENTER = 'datacenter1' } = process.env
  if (!CASSANDRA_CONTACT_POINTS) return null
  return {
    contactPoints: CASSANDRA_CONTACT_POINTS.split(','),
    datacenter: CASSANDRA_DATACENTER,
    keyspace: `test_${randomUUID().replaceAll('-', '')}`,
    replication: { [CASSANDRA_DATACENTER]: 1 },
    credentials: null,
    tls: null,
    readConsistency: 'LOCAL_ONE',
    writeConsistency: 'LOCAL_QUORUM',
    serialConsistency: 'LOCAL_SERIAL',
    bucketRows: BUCKET_ROWS,
  }
}

/** Removes a test's keyspace. */
export async function dropKeyspace({ contactPoints, datacenter, keyspace }: CassandraSettings): Promise<void> {
  const options = {
    contactPoints: [...contactPoints],
    localDataCenter: datacenter,
    socketOptions: { readTimeout: 60_000 },
  }
  const client = new Client(options)
  await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
  await client.shutdown()
}

async function startCassandra(bucketRows = BUCKET_ROWS): Promise<EngagementEngine> {
  const settings = cassandraForTests()
  if (settings === null) throw new Error('there is no Cassandra to test against')
  const sessions: { close(): Promise<void> }[] = []
  const open = () => {
    const session = cassandraSession(settings, (error) => console.error(error))
    sessions.push(session)
    return cassandraEngagement({ session, bucketRows, clock: Date.now, random: Math.random })
  }
  return {
    store: open(),
    another: async () => open(),
    async close() {
      for (const session of sessions) await session.close()
      await dropKeyspace(settings)
    },
  }
}

/** The engines of engagement, for its suite and others. A new one joins by a line. */
import { randomUUID } from 'node:crypto'
import { Client } from 'cassandra-driver'
import {
  BUCKET_ROWS,
  type CassandraSession,
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
  /** How many statements work on the first of them sends to the engine. */
  statements(work: () => Promise<unknown>): Promise<number>
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
  const counted = countCalls(database, ['query'])
  return {
    store: postgresEngagement(counted.target),
    another: async () => postgresEngagement(database),
    statements: counted.during,
    close,
  }
}

/** The same, with calls of some of its methods counted. */
function countCalls<T extends object>(target: T, methods: readonly (keyof T & string)[]) {
  let calls = 0
  const counting = new Proxy(target, {
    get(of, name) {
      if (methods.some((method) => method === name)) calls++
      const value: unknown = Reflect.get(of, name)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
  const during = async (work: () => Promise<unknown>) => {
    const before = calls
    await work()
    return calls - before
  }
  return { target: counting, during }
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
  const connect = () => {
    const session = cassandraSession(settings, (error) => console.error(error))
    sessions.push(session)
    return session
  }
  const storeOn = (session: CassandraSession) =>
    cassandraEngagement({ session, bucketRows, clock: Date.now, random: Math.random })
  const counted = countCalls(connect(), ['list', 'read', 'scan', 'aggregate', 'readSerial', 'write', 'decide'])
  return {
    store: storeOn(counted.target),
    another: async () => storeOn(connect()),
    statements: counted.during,
    async close() {
      for (const session of sessions) await session.close()
      await dropKeyspace(settings)
    },
  }
}

/**
 * A line to Cassandra: prepared statements, token-aware, each with the consistency and the retries that its kind bears.
 * What the cluster cannot do now is said as `problems.away`, so that the edge queues the write.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { auth, Client, type ClientOptions, policies, type QueryOptions, type types } from 'cassandra-driver'
import { problems } from '#core/problem.ts'
import { tlsOptions } from '../../tls.ts'
import { migrateKeyspace } from './migrate.ts'
import { isAway, isUndecided, RetryIdempotent } from './outcomes.ts'
import type { CassandraSettings } from './settings.ts'
import { statementOptions } from './statement-options.ts'

export type Row = types.Row
/** What a statement takes: a bigint column a bigint, a timestamp a Date; undefined leaves a column as it is. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Date
  | types.Uuid
  | types.Tuple
  | readonly bigint[]
  | Readonly<Record<string, number>>
  | undefined

export interface Statement {
  query: string
  params: readonly Value[]
}

/** What became of a conditional write. Unknown: it may have applied, or may yet; only a serial read tells. */
export type Decision = 'applied' | 'refused' | 'unknown'

export interface CassandraSession {
  /** For pages: as fresh as the read consistency. */
  list(query: string, params: readonly Value[]): Promise<Row[]>
  /** For decisions and counts: sees every write that was acknowledged. */
  read(query: string, params: readonly Value[]): Promise<Row[]>
  /** All rows of a partition, a page at a time; as exact as `read`, since what is built of them is believed for long. */
  scan(query: string, params: readonly Value[]): AsyncIterable<Row>
  /** An aggregate over a partition: exact, and patient. */
  aggregate(query: string, params: readonly Value[]): Promise<Row>
  /** Sees conditional writes that are under way too, and finishes those that were cut off. */
  readSerial(query: string, params: readonly Value[]): Promise<Row | null>
  /** Only for statements that may be applied twice: they are tried again. */
  write(query: string, params: readonly Value[]): Promise<void>
  /** Several such statements of one partition, as one write: all are applied, or none. */
  writeTogether(statements: readonly Statement[]): Promise<void>
  /** A statement with IF. Never tried again here: twice is not once. */
  decide(query: string, params: readonly Value[]): Promise<Decision>
  /** The same for INSERT … IF NOT EXISTS, whose refusal says what stands: as a serial read would. */
  claim(query: string, params: readonly Value[]): Promise<Exclude<Decision, 'refused'> | Row>
  /** @throws Problem 503 when no node answers */
  ping(): Promise<void>
  close(): Promise<void>
}

/** The edge gives a call two seconds; whoever waits longer does so for what must be finished. */
const READ_TIMEOUT_MS = 5_000
/** After a failed connection, before the next is tried. */
const RECONNECT_AFTER_MS = 1_000

/**
 * Connects at first use, and brings the schema up to date before that: an origin that starts while Cassandra is away
 * serves everything else meanwhile.
 */
export function cassandraSession(settings: CassandraSettings, onFailure: (error: unknown) => void): CassandraSession {
  const options = statementOptions(settings)
  const connected = keptConnection(settings, onFailure)

  const execute = async (query: string, params: readonly Value[], how: QueryOptions) => {
    const client = await connected.client()
    return client.execute(query, [...params], { prepare: true, ...how })
  }
  const run = (query: string, params: readonly Value[], how: QueryOptions) => execute(query, params, how).catch(sayAway)
  const rows = async (query: string, params: readonly Value[], how: QueryOptions) =>
    (await run(query, params, how)).rows
  const conditional = async (query: string, params: readonly Value[]) => {
    try {
      const [row] = (await execute(query, params, options.decide)).rows
      if (row === undefined) throw new Error('a statement with IF answers a row')
      return row['[applied]'] === true ? 'applied' : row
    } catch (error) {
      return isUndecided(error) ? 'unknown' : sayAway(error)
    }
  }

  return {
    list: (query, params) => rows(query, params, options.list),
    read: (query, params) => rows(query, params, options.read),
    scan: (query, params) => pages((from) => run(query, params, { ...options.scan, ...from })),
    async aggregate(query, params) {
      const [row] = await rows(query, params, options.aggregate)
      if (row === undefined) throw new Error('an aggregate answers a row')
      return row
    },
    readSerial: async (query, params) => (await rows(query, params, options.readSerial))[0] ?? null,
    async write(query, params) {
      await run(query, params, options.write)
    },
    async writeTogether(statements) {
      const queries = statements.map(({ query, params }) => ({ query, params: [...params] }))
      const sent = connected.client().then((client) => client.batch(queries, { prepare: true, ...options.together }))
      await sent.catch(sayAway)
    },
    async decide(query, params) {
      const decision = await conditional(query, params)
      return typeof decision === 'string' ? decision : 'refused'
    },
    claim: conditional,
    async ping() {
      await rows('SELECT release_version FROM system.local', [], options.ping)
    },
    close: () => connected.close(),
  }
}

async function* pages(read: (from: QueryOptions) => Promise<types.ResultSet>): AsyncIterable<Row> {
  let pageState: string | null = null
  do {
    const page: types.ResultSet = await read(pageState === null ? {} : { pageState })
    // Where the rows are an exact multiple of the page size, the last page is empty.
    yield* page.rows
    pageState = page.pageState ?? null
  } while (pageState !== null)
}

function sayAway(error: unknown): never {
  throw isAway(error) ? problems.away('Cassandra', 2, error) : error
}

/** One client for all; after a failure the next caller tries again, but not at once. */
function keptConnection(settings: CassandraSettings, onFailure: (error: unknown) => void) {
  let opening: Promise<Client> | null = null
  return {
    client(): Promise<Client> {
      opening ??= connect(settings).catch((error: unknown) => {
        onFailure(error)
        // Whoever comes within this moment gets the same answer, instead of an attempt of their own.
        void delay(RECONNECT_AFTER_MS, undefined, { ref: false }).then(() => {
          opening = null
        })
        throw error
      })
      return opening
    },
    async close() {
      const client = await opening?.catch(() => null)
      await client?.shutdown()
    },
  }
}

async function connect(settings: CassandraSettings): Promise<Client> {
  await using(new Client(optionsOf(settings)), (client) => migrateKeyspace(client, settings))
  const client = new Client({ ...optionsOf(settings), keyspace: settings.keyspace })
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.shutdown()
    throw error
  }
}

/** Made anew for each client: policies remember the hosts of theirs. */
function optionsOf({ contactPoints, datacenter, credentials, tls }: CassandraSettings): ClientOptions {
  return {
    contactPoints: [...contactPoints],
    localDataCenter: datacenter,
    ...(credentials && { authProvider: new auth.PlainTextAuthProvider(credentials.username, credentials.password) }),
    ...(tls && { sslOptions: sslOptionsOf(tls) }),
    encoding: { useBigIntAsLong: true },
    socketOptions: { readTimeout: READ_TIMEOUT_MS, connectTimeout: READ_TIMEOUT_MS },
    policies: {
      // Token-aware: a replica of the statement's partition is asked first, in this datacenter.
      loadBalancing: policies.defaultLoadBalancingPolicy(datacenter),
      // Nothing is sent twice on suspicion: under load that would be the second half of an outage.
      speculativeExecution: new policies.speculativeExecution.NoSpeculativeExecutionPolicy(),
      retry: new RetryIdempotent(),
      // The driver's own waits twice as long each time, up to ten minutes: a node that is back must be used.
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(RECONNECT_AFTER_MS),
    },
  }
}

function sslOptionsOf({ serverName, ...certificates }: NonNullable<CassandraSettings['tls']>) {
  return { ...tlsOptions(certificates), ...(serverName !== undefined && { servername: serverName }) }
}

/** For the schema: a client without a keyspace, since there may be none yet. */
async function using(client: Client, work: (client: Client) => Promise<void>): Promise<void> {
  try {
    await client.connect()
    await work(client)
  } finally {
    await client.shutdown()
  }
}

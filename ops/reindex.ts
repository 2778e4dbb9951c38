/**
 * `npm run reindex [-- --restart] [-- --cluster]`: indexes every person and post again from Postgres, into whichever engine
 * the settings name. Searches and writes go on meanwhile. In Elasticsearch a new index is filled and takes the old one's
 * place at the end; interrupted, the next call goes on where this one was, unless --restart gives that up. Rows are read from
 * replicas where DATABASE_REPLICA_URLS names any. The tables of the
 * embedded engine are filled in place. `--cluster`: the servers that `npm run cluster -- up` started.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { LOGICAL_SHARDS } from '#core/ids.ts'
import { REPLICA_LIMITS } from '#core/replicas.ts'
import type { ShardDatabase } from '#core/shard-map.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { withReplica } from '#drizzle/replicas.ts'
import { type Shard, shardedDatabase } from '#drizzle/sharded.ts'
import { type Config, readConfig } from '../origin/config.ts'
import { DataDirInUseError, startEmbeddedPostgres } from '../origin/embedded/postgres/index.ts'
import { createLogger } from '../origin/observe/logger.ts'
import { sentenceOf } from '../origin/observe/sentence.ts'
import { repeatedly } from '../origin/repeatedly.ts'
import { createReplicas, postgresPair } from '../origin/replicas/index.ts'
import { elasticsearchSearch } from '../origin/search/elasticsearch/index.ts'
import { createIndexer, postgresSearch, type Rebuilt } from '../origin/search/index.ts'
import { placeFrom, readEnvironment } from './cluster/state.ts'
import { say } from './terminal.ts'

const SAY_EVERY_MS = 2_000

interface Opened {
  servers: readonly ShardDatabase[]
  close(): Promise<void>
}

/** The embedded Postgres is asked through the running Tideline where there is one: nobody else may open its files. */
async function openRows({ databases, stateDir, embeddedPorts }: Config): Promise<Opened> {
  if (databases !== null) return { servers: databases, close: async () => {} }
  const only = (url: string) => [{ url, ranges: [{ first: 0, last: LOGICAL_SHARDS - 1 }] }]
  try {
    const engine = await startEmbeddedPostgres({ dataDir: join(stateDir, 'postgres') })
    return { servers: only(engine.url), close: () => engine.close() }
  } catch (error) {
    if (!(error instanceof DataDirInUseError)) throw error
    return {
      servers: only(`postgres://postgres@127.0.0.1:${embeddedPorts.postgres}/postgres`),
      close: async () => {},
    }
  }
}

function openStore({ elasticsearch: settings }: Config, database: Database) {
  if (settings === null)
    return { store: postgresSearch(database), name: 'the tables in Postgres', close: async () => {} }
  const store = elasticsearchSearch({ settings, clock: Date.now, random: Math.random })
  return { store, name: `a new generation of Elasticsearch's ${settings.prefix}-*`, close: () => store.close() }
}

/** Says how far it is, but not for every page. */
function reporter(people: number, posts: number) {
  let saidMs = Date.now()
  return (done: Rebuilt) => {
    if (Date.now() - saidMs < SAY_EVERY_MS) return
    saidMs = Date.now()
    say(`  people ${done.people} of ${people}, posts ${done.posts} of ${posts}`)
  }
}

async function countIn(pools: readonly pg.Pool[], table: 'users' | 'posts'): Promise<number> {
  const counts = await Promise.all(
    pools.map((pool) => pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)),
  )
  return counts.reduce((sum, { rows }) => sum + (rows[0]?.n ?? 0), 0)
}

/** A replica that fails is watched, and the primary read instead. */
function poolAt(connectionString: string): pg.Pool {
  return new pg.Pool({ connectionString, max: 3 }).on('error', () => {})
}

/** The databases, each with its replica, and what keeps an eye on these. */
function openShards(servers: readonly ShardDatabase[], { replicaUrls, logLevel }: Config) {
  const pools = servers.map(({ url }) => poolAt(url))
  const replicaPools = replicaUrls.map((url) => (url === null ? null : poolAt(url)))
  const pairs = replicaPools.flatMap((replica, i) => {
    const primary = pools[i]
    return replica === null || primary === undefined ? [] : [[i, postgresPair(primary, replica)] as const]
  })
  const logger = createLogger({ level: logLevel })
  const replicas = createReplicas({ pairs: new Map(pairs), clock: Date.now, pause: delay, logger })
  const shards = servers.map(({ ranges }, i): Shard => {
    const [primary, replica] = [nodeDatabase(drizzle(pools[i]!)), replicaPools[i]]
    if (!replica) return { ranges, database: primary }
    const near = { database: nodeDatabase(drizzle(replica)), isUsable: () => replicas.isUsable(i) }
    return { ranges, database: withReplica(primary, near) }
  })
  const stop = repeatedly('lag of replicas', REPLICA_LIMITS.lookEveryMs, logger, () => replicas.look())
  const close = async () => {
    await stop()
    for (const pool of [...pools, ...replicaPools]) await pool?.end()
  }
  return { shards, pools, caughtUp: () => replicas.look(), close }
}

async function reindex(config: Config, restart: boolean): Promise<void> {
  const rows = await openRows(config)
  const opened = openShards(rows.servers, config)
  const { pools, caughtUp } = opened
  const [first, ...others] = opened.shards
  if (first === undefined) throw new Error('there is no database')
  const { store, name, close } = openStore(config, first.database)
  try {
    const [people, posts] = [await countIn(pools, 'users'), await countIn(pools, 'posts')]
    say(`Indexing ${people} people and ${posts} posts into ${name}.`)
    const startedMs = Date.now()
    const done = await createIndexer(shardedDatabase([first, ...others]), store).reindex({
      restart,
      caughtUp,
      report: reporter(people, posts),
    })
    const seconds = (Date.now() - startedMs) / 1_000
    say(`Done: ${done.people} people and ${done.posts} posts in ${seconds.toFixed(1)} s.`)
  } finally {
    await close()
    await opened.close()
    await rows.close()
  }
}

try {
  const { values } = parseArgs({
    options: { restart: { type: 'boolean', default: false }, cluster: { type: 'boolean', default: false } },
  })
  const cluster = values.cluster ? readEnvironment(placeFrom(process.env).folder) : {}
  await reindex(readConfig({ ...cluster, ...process.env }), values.restart)
} catch (error) {
  say(`Not indexed: ${sentenceOf(error)}`)
  process.exitCode = 1
}

/** Postgres: inside this process, or one or several servers that share the logical shards; brought to the current schema. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SQL } from 'drizzle-orm'
import type pg from 'pg'
import { LOGICAL_SHARDS } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import { formatRanges, type OwnedRange, type ShardDatabase } from '#core/shard-map.ts'
import type { Database } from '#drizzle/database.ts'
import { withReplica } from '#drizzle/replicas.ts'
import { databaseName, MissingDatabaseError, settleShards } from '#drizzle/settle-shards.ts'
import { type RoutingOptions, type Shard, shardedDatabase } from '#drizzle/sharded.ts'
import { type Breakers, guardedDatabase } from './breakers.ts'
import type { Config } from './config.ts'
import { startEmbeddedPostgres } from './embedded/postgres/index.ts'
import type { Logger } from './observe/logger.ts'
import { sentenceOf } from './observe/sentence.ts'
import { isAway } from './outages.ts'
import { migrateAt, openPool, POOL, pooledDatabase } from './pools.ts'
import { repeatedly } from './repeatedly.ts'
import { createReplicas, postgresPair, type Replicas } from './replicas/index.ts'
import { lookAtPostgres, SILENCE, unlessSilent } from './silence.ts'
import type { Waits } from './waits.ts'

export interface Databases {
  /** All of them: each statement goes where it belongs. */
  database: Database
  /** The first: names and addresses, sessions, and what the embedded log, engagement and search keep. */
  directory: Database
  /** Each by itself, the directory first: for work that one which is away must not stop in the others. */
  databases: readonly Database[]
  pools: readonly [pg.Pool, ...pg.Pool[]]
  /** Their connection strings, in their order. */
  urls: readonly [string, ...string[]]
  replicas: Replicas
  description: string
  close(): Promise<void>
}

/** Seconds after which whoever met a move may come again: a switch takes some tenths of a second. */
const MOVE_RETRY_S = 2

/** Milliseconds between looks for a database that was away at the start. */
const LOOK_AGAIN_MS = 5_000
const FIRST_PAUSE_MS = 250

export interface EnginesNeeds {
  config: Config
  logger: Logger
  waits: Waits
  breakers: Breakers
  /** Told, in a sentence for whoever sits at the terminal, of an engine started here that ended by itself. */
  onDeath?: ((sentence: string) => void) | undefined
}

/**
 * The start waits for the first of them, and for all where they are not settled yet. Once they are, another one that is away holds up
 * nobody: the others are served, and it is brought to the schema when it is back.
 * @throws when one cannot be brought to the schema, or when they hold other shards than the settings say
 */
export async function openDatabases({ config, logger, waits, breakers, onDeath }: EnginesNeeds): Promise<Databases> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const one of closers.reverse()) await one()
  }
  try {
    const { servers, description, end } = await findServers(config, logger, onDeath)
    closers.push(end)
    const opened = openPools(servers, config, logger, (pool) => closers.push(() => pool.end()))
    const replicas = replicasOf(opened, logger)
    const shardOf = (one: Opened, index: number): Shard => ({
      database: databaseOf(one, index, replicas, config.databases === null ? null : breakers),
      ranges: one.ranges,
    })
    const shards = ofEach(opened, shardOf)
    // Who is away may change until all is settled: each round begins anew.
    const settle = async () => {
      const away = await migrateAll(servers)
      const settled = settleShards(ofEach(shards, named), new Set(away.keys()))
      const map = await settled.catch((error: unknown) => {
        throw error instanceof MissingDatabaseError ? new UnreachedError(error.index, away.get(error.index)) : error
      })
      return { away, map }
    }
    const { away, map } = await whenReached(settle, logger, waits)
    for (const [index, error] of away) {
      logger.warn({ err: error, database: databaseName(index) }, 'a database cannot be reached; starting without it')
    }
    closers.push(...[...away.keys()].map((index) => settleLater(index, servers, shards, logger, waits)))
    return {
      database: routedDatabase(shards),
      directory: shards[0].database,
      databases: shards.map(({ database }) => database),
      pools: ofEach(opened, ({ pool }) => pool),
      urls: ofEach(opened, ({ url }) => url),
      replicas,
      description: map.length === 0 ? description : `${description}, shards ${owned(map, shards.length)}`,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

type OneOrMore<T> = readonly [T, ...T[]]

const ofEach = <T, R>([first, ...others]: OneOrMore<T>, make: (one: T, index: number) => R): [R, ...R[]] => [
  make(first, 0),
  ...others.map((one, i) => make(one, i + 1)),
]

/** @param onOpen told of each pool, which is to be ended */
function openPools(
  servers: Servers['servers'],
  { databases, replicaUrls }: Config,
  logger: Logger,
  onOpen: (pool: pg.Pool) => void,
): OneOrMore<Opened> {
  const pooled = (url: string, limits: pg.PoolConfig) => {
    const pool = openPool(url, limits, logger)
    onOpen(pool)
    return pool
  }
  return ofEach(servers, ({ url, ranges }, index) => {
    const replicaUrl = replicaUrls[index] ?? null
    return {
      url,
      ranges,
      pool: pooled(url, databases === null ? POOL.embedded : POOL.distributed),
      replica: replicaUrl === null ? null : pooled(replicaUrl, POOL.replica),
    }
  })
}

/**
 * Rows that a move keeps closed for longer than a statement waits are as a database that is away: to be waited for without
 * counting, and no fault of whatever needs them.
 */
export const routedDatabase = (
  shards: readonly [Shard, ...Shard[]],
  options: Partial<Omit<RoutingOptions, 'unavailable'>> = {},
): Database =>
  shardedDatabase(shards, { ...options, unavailable: (cause) => problems.away('The database', MOVE_RETRY_S, cause) })

/** Who owns what, in the order of the settings. */
const owned = (map: readonly OwnedRange[], count: number): string =>
  Array.from({ length: count }, (_, i) => formatRanges(map.filter(({ database }) => database === i))).join(' | ')

interface Opened {
  url: string
  ranges: ShardDatabase['ranges']
  pool: pg.Pool
  replica: pg.Pool | null
}

function replicasOf(opened: readonly Opened[], logger: Logger): Replicas {
  const pairs = opened.flatMap(({ pool, replica }, i) =>
    replica === null ? [] : [[i, postgresPair(pool, replica)] as const],
  )
  return createReplicas({ pairs: new Map(pairs), clock: Date.now, pause: delay, logger })
}

/** @param breakers null for the embedded engine, which is away together with this process */
function databaseOf(
  { url, pool, replica }: Opened,
  index: number,
  replicas: Replicas,
  breakers: Breakers | null,
): Database {
  const away = () => problems.away('The database', 1)
  const name = index === 0 ? 'postgres' : `postgres-${databaseName(index)}`
  const pooled = pooledDatabase(pool)
  const look = () => lookAtPostgres(url, SILENCE.answerMs)
  const primary =
    breakers === null
      ? pooled
      : guardedDatabase(unlessSilent(pooled, { look, away }), { breaker: breakers.of(name), away })
  if (replica === null) return primary
  const isUsable = () => replicas.isUsable(index)
  return withReplica(primary, { database: pooledDatabase(replica), isUsable, onRead: replicas.onRead(index) })
}

interface Servers {
  servers: readonly [ShardDatabase, ...ShardDatabase[]]
  description: string
  end(): Promise<void>
}

async function findServers(config: Config, logger: Logger, onDeath: EnginesNeeds['onDeath']): Promise<Servers> {
  const [first, ...others] = config.databases ?? []
  if (first !== undefined) {
    const servers: Servers['servers'] = [first, ...others]
    const description =
      others.length === 0 ? 'Postgres (DATABASE_URLS)' : `Postgres, ${servers.length} databases (DATABASE_URLS)`
    return { servers, description, end: async () => {} }
  }
  const engine = await startEmbeddedPostgres({
    dataDir: join(config.stateDir, 'postgres'),
    host: '127.0.0.1',
    port: config.embeddedPorts.postgres,
    onCrash(cause) {
      logger.error({ err: cause }, 'the embedded Postgres died; it is started again')
      onDeath?.(
        'The embedded Postgres died and is started again, with all that was acknowledged. If /health stays 503, press Ctrl-C and start again.',
      )
    },
  })
  return {
    servers: [{ url: engine.url, ranges: [{ first: 0, last: LOGICAL_SHARDS - 1 }] }],
    description: 'PGlite, on disk in this process',
    end: () => engine.close(),
  }
}

/** A database that cannot be reached now, for the reason that is its cause. */
class UnreachedError extends Error {
  readonly database: string

  constructor(index: number, cause: unknown) {
    super(`${databaseName(index)} cannot be reached`, { cause })
    this.database = databaseName(index)
  }
}

/** What its outage is told by says which database it is. */
function named({ database, ranges }: Shard, index: number): Shard {
  const say = (error: unknown) => {
    throw isAway(error) ? new UnreachedError(index, error) : error
  }
  return {
    ranges,
    database: {
      query: <T>(statement: SQL) => database.query<T>(statement).catch(say),
      batch: (statements) => database.batch(statements).catch(say),
    },
  }
}

/** Tries again for as long as a database is away that is needed: what starts with it, in whatever order, needs no one to start it again. */
async function whenReached<T>(work: () => Promise<T>, logger: Logger, waits: Waits): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LOOK_AGAIN_MS)) {
    try {
      return await work()
    } catch (error) {
      if (!isAway(error)) throw error
      const database = error instanceof UnreachedError ? error.database : undefined
      const reason = sentenceOf(rootOf(error))
      waits.because('postgres', (database ?? databaseName(0)) === databaseName(0) ? reason : `${database}: ${reason}`)
      if (pauseMs === FIRST_PAUSE_MS) {
        logger.warn({ err: error, database }, 'a database cannot be reached; the start waits for it')
      }
      await delay(pauseMs)
    }
  }
}

/** What went wrong at the bottom: the statement that met it says nothing to whoever starts this. */
const rootOf = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error

/** Answers which of them are away, by their places, with why. */
async function migrateAll(servers: Servers['servers']): Promise<Map<number, unknown>> {
  const away = new Map<number, unknown>()
  for (const [index, { url }] of servers.entries()) {
    try {
      await migrateAt(url)
    } catch (error) {
      if (!isAway(error)) throw error
      if (index === 0) throw new UnreachedError(index, error)
      away.set(index, error)
    }
  }
  return away
}

/** Brings a database that was away at the start to the schema once it is back. Answers what stops that. */
function settleLater(
  index: number,
  servers: Servers['servers'],
  shards: readonly [Shard, ...Shard[]],
  logger: Logger,
  waits: Waits,
): () => Promise<void> {
  const url = servers[index]?.url
  let end: (() => void) | null = waits.begin(databaseName(index))
  const stop = repeatedly('settling a database that was away', LOOK_AGAIN_MS, logger, async () => {
    if (end === null || url === undefined) return
    await migrateAt(url)
    // Others that are away still are told when they are back.
    await settleShards(shards, new Set([...shards.keys()].filter((other) => other !== index)))
    logger.info({ database: databaseName(index) }, 'a database that was away is back')
    end()
    end = null
  })
  return async () => {
    await stop()
    end?.()
  }
}

/** The engines that suites run on. Each call starts one of its own; `close` ends it. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { startEmbeddedObjects } from '../../origin/embedded/objects/index.ts'
import { startEmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import { startEmbeddedRedis } from '../../origin/embedded/redis/index.ts'
import { type ObjectStore, s3Objects } from '../../origin/objects/index.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'

export interface TestDatabase {
  database: Database
  pool: pg.Pool
  close(): Promise<void>
}

/**
 * A migrated database: in an embedded Postgres in memory, or, when POSTGRES_TEST_URL names a server, a new one there, dropped
 * in the end.
 */
export async function startDatabase(): Promise<TestDatabase> {
  const { POSTGRES_TEST_URL } = process.env
  const engine = POSTGRES_TEST_URL
    ? await createDatabaseAt(POSTGRES_TEST_URL)
    : await startEmbeddedPostgres({ port: 0 })
  const pool = new pg.Pool({ connectionString: engine.url, max: 8 })
  // The pool ends before its sockets do; an engine that closes first would cut them, and a cut socket is an error.
  let connected = 0
  pool.on('connect', (client) => {
    connected++
    client.once('end', () => connected--)
  })
  await migrate(pool)
  const close = async () => {
    await pool.end()
    await eventually(() => connected === 0)
    await engine.close()
  }
  return { database: nodeDatabase(drizzle(pool)), pool, close }
}

/**
 * Empty databases for one system to share its shards among; in embedded Postgres, or on the servers of POSTGRES_TEST_URLS in turn
 * (POSTGRES_TEST_URL alone will do).
 */
export async function startShards(count: number): Promise<{ urls: string[]; close(): Promise<void> }> {
  const { POSTGRES_TEST_URL = '', POSTGRES_TEST_URLS = POSTGRES_TEST_URL } = process.env
  const servers = POSTGRES_TEST_URLS.split(',').filter(Boolean)
  const start = (_: unknown, i: number) => {
    const server = servers[i % servers.length]
    return server === undefined ? startEmbeddedPostgres({ port: 0 }) : createDatabaseAt(server)
  }
  const engines = await Promise.all(Array.from({ length: count }, start))
  return {
    urls: engines.map(({ url }) => url),
    close: async () => void (await Promise.all(engines.map((engine) => engine.close()))),
  }
}

/** An empty database of a server, and how to drop it. */
export async function createDatabaseAt(server: string): Promise<{ url: string; close(): Promise<void> }> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: server })
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
  await run(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, close: () => run(`drop database ${name} with (force)`) }
}

export interface TestRedis {
  redis: OriginRedis
  close(): Promise<void>
}

/** An embedded Redis, empty. */
export async function startRedis(): Promise<TestRedis> {
  const server = await startEmbeddedRedis({ port: 0 })
  const redis = createRedisPort(`redis://127.0.0.1:${server.port}`)
  await redis.ready()
  const close = async () => {
    await redis.close()
    await server.close()
  }
  return { redis, close }
}

/** Polls until `probe` holds; the deadline only ends a test that has failed. */
export async function eventually(probe: () => Promise<boolean> | boolean, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export interface TestObjects {
  objects: ObjectStore
  close(): Promise<void>
}

/** An embedded object store over a folder of its own. */
export async function startObjects(): Promise<TestObjects> {
  const dir = await mkdtemp(join(tmpdir(), 'objects-'))
  const credentials = { accessKeyId: 'test', secretAccessKey: randomUUID() }
  const logger = { info: () => undefined, error: (fields: object) => console.error(fields) }
  const server = await startEmbeddedObjects({ dir, credentials, buckets: ['media'], logger })
  const objects = s3Objects({ endpoint: server.endpoint, bucket: 'media', region: 'us-east-1', credentials })
  const close = async () => {
    await server.close()
    await rm(dir, { recursive: true, force: true })
  }
  return { objects, close }
}

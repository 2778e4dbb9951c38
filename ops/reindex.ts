/**
 * `npm run reindex [-- --restart] [-- --cluster]`: indexes every person and post again from Postgres, into whichever engine
 * the settings name. Searches and writes go on meanwhile. In Elasticsearch a new index is filled and takes the old one's
 * place at the end; interrupted, the next call goes on where this one was, unless --restart gives that up. The tables of the
 * embedded engine are filled in place. `--cluster`: the servers that `npm run cluster -- up` started.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { type Config, readConfig } from '../origin/config.ts'
import { DataDirInUseError, startEmbeddedPostgres } from '../origin/embedded/postgres/index.ts'
import { elasticsearchSearch } from '../origin/search/elasticsearch/index.ts'
import { createIndexer, postgresSearch, type Rebuilt } from '../origin/search/index.ts'
import { placeFrom, readEnvironment } from './cluster/state.ts'
import { say } from './terminal.ts'

const SAY_EVERY_MS = 2_000

interface Opened {
  url: string
  close(): Promise<void>
}

/** The embedded Postgres is asked through the running Tideline where there is one: nobody else may open its files. */
async function openRows({ databaseUrl, stateDir, embeddedPorts }: Config): Promise<Opened> {
  if (databaseUrl !== null) return { url: databaseUrl, close: async () => {} }
  try {
    return await startEmbeddedPostgres({ dataDir: join(stateDir, 'postgres') })
  } catch (error) {
    if (!(error instanceof DataDirInUseError)) throw error
    return { url: `postgres://postgres@127.0.0.1:${embeddedPorts.postgres}/postgres`, close: async () => {} }
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

async function reindex(config: Config, restart: boolean): Promise<void> {
  const rows = await openRows(config)
  const pool = new pg.Pool({ connectionString: rows.url, max: 2 })
  const database = nodeDatabase(drizzle(pool))
  const { store, name, close } = openStore(config, database)
  try {
    const [total] = (
      await pool.query('SELECT (SELECT count(*) FROM users)::int AS people, (SELECT count(*) FROM posts)::int AS posts')
    ).rows as Rebuilt[]
    const { people, posts } = total ?? { people: 0, posts: 0 }
    say(`Indexing ${people} people and ${posts} posts into ${name}.`)
    const startedMs = Date.now()
    const done = await createIndexer(database, store).reindex({ restart, report: reporter(people, posts) })
    const seconds = (Date.now() - startedMs) / 1_000
    say(`Done: ${done.people} people and ${done.posts} posts in ${seconds.toFixed(1)} s.`)
  } finally {
    await close()
    await pool.end()
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
  say(`Not indexed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

/** Brings a database to the current schema: extensions first, then the migrations, in one transaction. */
import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import type { Pool, PoolClient } from 'pg'

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url))

/** "tide" in ASCII: origins that start together migrate one after the other. */
const MIGRATION_LOCK = 0x74696465

/** Without trigrams there is no search for misspelt names, so a server that lacks them is refused. */
const REQUIRED_EXTENSIONS = ['pg_trgm']

/** Created where the server has it; only visual search asks for it, and says so itself when it is missing. */
const OPTIONAL_EXTENSIONS = ['vector']

/**
 * Safe to call on every start and from several processes at once: what is there already is left alone, and a migration
 * that fails leaves nothing behind.
 *
 * Drizzle's own migrator opens its transaction without a lock, and a session's lock around it is no choice: the embedded
 * engine shares one session among all clients. So this keeps drizzle's ledger itself; `drizzle-kit migrate` reads the same one.
 * @throws the server's error when an extension is not installed or the user may not create it
 */
export async function migrate(pool: Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    await createExtensions(client)
    await runMigrations(client)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}

async function createExtensions(client: PoolClient): Promise<void> {
  const offered = await client.query<{ name: string }>(
    'select name from pg_available_extensions where name = any($1)',
    [OPTIONAL_EXTENSIONS],
  )
  const names = [...REQUIRED_EXTENSIONS, ...offered.rows.map((row) => row.name)]
  for (const name of names) await client.query(`create extension if not exists "${name}"`)
}

async function runMigrations(client: PoolClient): Promise<void> {
  await client.query('create schema if not exists drizzle')
  await client.query(
    'create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)',
  )
  const last = await client.query<{ at: string | null }>(
    'select max(created_at)::text as at from drizzle.__drizzle_migrations',
  )
  const lastAt = Number(last.rows[0]?.at ?? 0)
  for (const migration of readMigrationFiles({ migrationsFolder: MIGRATIONS })) {
    if (migration.folderMillis <= lastAt) continue
    for (const statement of migration.sql) await client.query(statement)
    await client.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', [
      migration.hash,
      migration.folderMillis,
    ])
  }
}

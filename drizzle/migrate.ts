/** Brings a database to the current schema: extensions first, then the migrations, under one lock. */
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator'
import type { Pool } from 'pg'

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url))

/** "tide" in ASCII: origins that start together migrate one after the other. */
const MIGRATION_LOCK = 0x74696465

/** Without trigrams there is no search for misspelt names, so a server that lacks them is refused. */
const REQUIRED_EXTENSIONS = ['pg_trgm']

/** Created where the server has it; only visual search asks for it, and says so itself when it is missing. */
const OPTIONAL_EXTENSIONS = ['vector']

/**
 * Safe to call on every start and from several processes at once: what is there already is left alone.
 * @throws the server's error when an extension is not installed or the user may not create it
 */
export async function migrate(pool: Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    try {
      const offered = await client.query<{ name: string }>(
        'select name from pg_available_extensions where name = any($1)',
        [OPTIONAL_EXTENSIONS],
      )
      const names = [...REQUIRED_EXTENSIONS, ...offered.rows.map((row) => row.name)]
      for (const name of names) await client.query(`create extension if not exists "${name}"`)
      await runMigrations(drizzle(client), { migrationsFolder: MIGRATIONS })
    } finally {
      await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK])
    }
  } finally {
    client.release()
  }
}

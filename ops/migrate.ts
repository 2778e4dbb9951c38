/** `npm run migrate`: brings the databases of DATABASE_URLS to the current schema. */
import pg from 'pg'
import { parseShardDatabases } from '#core/shard-map.ts'
import { migrate } from '#drizzle/migrate.ts'

const databases = process.env.DATABASE_URLS ? parseShardDatabases(process.env.DATABASE_URLS) : []
if (databases.length === 0) {
  console.error(
    'Set DATABASE_URLS to one or more postgres:// addresses, comma separated. The embedded engine migrates on start.',
  )
  process.exit(1)
}
for (const [i, { url }] of databases.entries()) {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  await migrate(pool)
  await pool.end()
  console.log(`database ${i + 1} of ${databases.length} is up to date`)
}

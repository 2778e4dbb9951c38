/** `npm run migrate`: brings the databases of DATABASE_URLS to the current schema. */
import pg from 'pg'
import { migrate } from '#drizzle/migrate.ts'

const urls = (process.env.DATABASE_URLS ?? '').split(',').filter(Boolean)
if (urls.length === 0) {
  console.error(
    'Set DATABASE_URLS to one or more postgres:// addresses, comma separated. The embedded engine migrates on start.',
  )
  process.exit(1)
}
for (const [i, connectionString] of urls.entries()) {
  const pool = new pg.Pool({ connectionString, max: 1 })
  await migrate(pool)
  await pool.end()
  console.log(`database ${i + 1} of ${urls.length} is up to date`)
}

/** `npm run migrate`: brings the databases of DATABASE_URLS to the current schema, and notes in several what each owns. */
import pg from 'pg'
import { parseShardDatabases } from '#core/shard-map.ts'
import { migrate } from '#drizzle/migrate.ts'
import { sentenceOf } from '../origin/observe/sentence.ts'
import { openShardDatabases } from './shards/databases.ts'

try {
  const { DATABASE_URLS: given = '' } = process.env
  if (given === '')
    throw new Error('one or more postgres:// addresses, comma separated. An embedded one migrates itself.')
  const databases = parseShardDatabases(given)
  for (const [i, { url }] of databases.entries()) {
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    await migrate(pool)
    await pool.end()
    console.log(`database ${i + 1} of ${databases.length} is up to date`)
  }
  if (databases.length > 1) await (await openShardDatabases(databases)).close()
} catch (error) {
  console.error(`Not migrated. DATABASE_URLS: ${sentenceOf(error)}`)
  process.exit(1)
}

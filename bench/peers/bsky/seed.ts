/** Writes the rows into the AppView's tables. */
import pg from 'pg'
import type { Rows } from './rows.ts'

/** One statement a table: Postgres reads the columns out of JSON. */
export async function seedTables(databaseUrl: string, rows: Rows): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    for (const [table, values] of Object.entries(rows)) {
      const columns = Object.keys(values[0] ?? {}).map((name) => `"${name}"`)
      if (columns.length === 0) continue
      await client.query(
        `INSERT INTO bsky."${table}" (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::bsky."${table}", $1)`,
        [JSON.stringify(values)],
      )
    }
    // What autovacuum would have done by and by: statistics, and pages known to hold nothing but visible rows.
    await client.query('VACUUM ANALYZE')
  } finally {
    await client.end()
  }
}

import { is } from 'drizzle-orm'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { expect, it } from 'vitest'
import * as schema from '#drizzle/schema.ts'
import { SHARDED_TABLES } from './tables.ts'

/** Why each does not move. */
const STAYS: Record<string, string> = {
  outbox: 'swept, published and replayed in every database',
  ...Object.fromEntries(
    ['directory', 'sessions', 'comment_aliases', 'waiting_edits', 'cache_purges', 'dead_letters', 'campaigns'].map(
      (name) => [name, "the first database's own"],
    ),
  ),
  ...Object.fromEntries(
    ['likes', 'comments', 'shares', 'search_people', 'search_posts', 'search_hashtags'].map((name) => [
      name,
      'an embedded engine, in the first database',
    ]),
  ),
  ...Object.fromEntries(
    ['log_members', 'log_messages', 'log_offsets', 'log_partitions'].map((name) => [name, 'the embedded log']),
  ),
  ...Object.fromEntries(
    ['shard_ranges', 'shard_owner', 'shard_database', 'shard_marks', 'shard_moves'].map((name) => [name, 'of moves']),
  ),
}

const tables = Object.values(schema).flatMap((value) => (is(value, PgTable) ? [getTableConfig(value)] : []))

it('every table moves with its owners or has a reason to stay', () => {
  const known = [...SHARDED_TABLES.map(({ name }) => name), ...Object.keys(STAYS)].sort()
  expect(tables.map(({ name }) => name).sort()).toEqual(known)
})

it('owners are columns of the primary key, which is all that a row filter may see of an update', () => {
  for (const { name, owners } of SHARDED_TABLES) {
    const table = tables.find((each) => each.name === name)
    const composite = table?.primaryKeys.flatMap(({ columns }) => columns.map((column) => column.name)) ?? []
    const single = table?.columns.filter(({ primary }) => primary).map((column) => column.name) ?? []
    expect([...composite, ...single], name).toEqual(expect.arrayContaining([...owners]))
  }
})

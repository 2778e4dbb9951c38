import { type SQL, sql } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import { describe, expect, it } from 'vitest'
import type { Database } from './database.ts'
import { everywhere, isLagAllowed, mayLag, reads, readsAcross, scattered, writes } from './placement.ts'
import { withReplica } from './replicas.ts'
import { shardedDatabase } from './sharded.ts'

const dialect = new PgDialect()
const MAP = [0, 1].map((database) => ({
  ...{ first_shard: 4_096 * database, last_shard: 4_096 * database + 4_095, database, epoch: 1, moving: false },
}))

/** A database that answers its name, or who owns what, and tells how often it was asked. */
function named(name: string) {
  const asked = { times: 0 }
  const database: Database = {
    async query<T>(statement: SQL) {
      asked.times++
      const isOfMap = dialect.sqlToQuery(statement).sql.includes('FROM shard_ranges')
      return (isOfMap ? MAP : [{ name }]) as T[]
    },
    async batch(statements) {
      asked.times++
      return statements.map(() => [{ name }])
    },
  }
  return { database, asked }
}

const failing: Database = {
  query: () => Promise.reject(new Error('canceling statement due to conflict with recovery')),
  batch: () => Promise.reject(new Error('gone')),
}

const OWNER = '5'
const read = () => reads(OWNER, sql`SELECT 1`)
const namesOf = (rows: unknown) => (rows as { name: string }[]).map(({ name }) => name)

describe('a database with a replica', () => {
  const primary = named('primary')
  const replica = named('replica')
  const near = withReplica(primary.database, { database: replica.database, isUsable: () => true })

  it('reads from the replica what may lag, and nothing else', async () => {
    expect(namesOf(await near.query(mayLag(read())))).toEqual(['replica'])
    expect(namesOf(await near.query(read()))).toEqual(['primary'])
    expect(namesOf(await near.query(writes(OWNER, sql`UPDATE x`)))).toEqual(['primary'])
    expect(namesOf(await near.query(sql`SELECT 1`))).toEqual(['primary'])
  })

  it('keeps a batch together: one statement that may not lag takes all to the primary', async () => {
    expect(namesOf((await near.batch([mayLag(read()), mayLag(read())]))[1])).toEqual(['replica'])
    expect(namesOf((await near.batch([mayLag(read()), read()]))[0])).toEqual(['primary'])
  })

  it('leaves a replica alone that is too far behind', async () => {
    const before = replica.asked.times
    const far = withReplica(primary.database, { database: replica.database, isUsable: () => false })
    expect(namesOf(await far.query(mayLag(read())))).toEqual(['primary'])
    expect(replica.asked.times).toBe(before)
  })

  it('asks the primary when the replica fails, and tells who answered', async () => {
    const told: string[] = []
    const broken = withReplica(primary.database, {
      database: failing,
      isUsable: () => true,
      onRead: (by) => told.push(by),
    })
    expect(namesOf(await broken.query(mayLag(read())))).toEqual(['primary'])
    expect(namesOf((await broken.batch([mayLag(read())]))[0])).toEqual(['primary'])
    await near.query(mayLag(read()))
    expect(told).toEqual(['primary', 'primary'])
  })

  it('throws what the primary throws', async () => {
    const away = withReplica(failing, { database: failing, isUsable: () => true })
    await expect(away.query(mayLag(read()))).rejects.toThrow('conflict with recovery')
  })
})

describe('several databases, each with a replica', () => {
  const sides = [0, 1].map((i) => ({ primary: named(`primary ${i}`), replica: named(`replica ${i}`) }))
  const [first, second] = sides.map(({ primary, replica }, i) => ({
    database: withReplica(primary.database, { database: replica.database, isUsable: () => true }),
    ranges: [i === 0 ? { first: 0, last: 4_095 } : { first: 4_096, last: 8_191 }],
  }))
  const database = shardedDatabase([first!, second!])
  const there = String(5_000n << 10n)

  it('read each its own replica, in every step of a plan', async () => {
    expect(namesOf(await database.query(mayLag(everywhere(sql`SELECT 1`))))).toEqual(['replica 0', 'replica 1'])
    const both = () => scattered([OWNER, there], () => sql`SELECT 1`)
    expect(namesOf(await database.query(mayLag(both())))).toEqual(['replica 0', 'replica 1'])
    expect(namesOf(await database.query(both()))).toEqual(['primary 0', 'primary 1'])
    const steps = readsAcross(sql`SELECT 1`, async (shards) => [
      ...(await shards.directory.query(sql`SELECT 1`)),
      ...(await shards.of(there).batch([sql`SELECT 1`])).flat(),
    ])
    expect(namesOf(await database.query(mayLag(steps)))).toEqual(['replica 0', 'replica 1'])
  })

  it('let a plan know that two owners share a database', async () => {
    const alike = readsAcross(sql`SELECT 1`, async (shards) => [{ name: shards.of('1') === shards.of('2') }])
    expect(await database.query(mayLag(alike))).toEqual([{ name: true }])
  })
})

it('a statement that nobody marked may not lag', () => {
  expect(isLagAllowed(read())).toBe(false)
  expect(isLagAllowed(mayLag(read()))).toBe(true)
})

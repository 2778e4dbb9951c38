/** What takes two databases bears that the process dies between them: the rest is brought by repetition or by the consumer. */
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIdFactory, type Id } from '#core/ids.ts'
import { parseShardDatabases } from '#core/shard-map.ts'
import type { Database } from '#drizzle/database.ts'
import { credentialOf, rotateSession, sessionById } from '#drizzle/queries/accounts.ts'
import { applyFollow } from '#drizzle/queries/fanout.ts'
import { hiddenAuthors } from '#drizzle/queries/feed.ts'
import { type FollowRow, follow } from '#drizzle/queries/graph.ts'
import { block, relations } from '#drizzle/queries/relations.ts'
import { settleShards } from '#drizzle/settle-shards.ts'
import { postgresAccounts } from '../../origin/accounts/postgres.ts'
import { HERE, openRelational, type Relational, THERE } from './shards-harness.ts'

let relational: Relational
beforeAll(async () => {
  relational = await openRelational(2)
})
afterAll(() => relational?.close())
const ids = createIdFactory(Date.now, Math.random)
const query = <T>(statement: ReturnType<typeof sql>) => relational.database.query<T>(statement)

/** More calls than any of these makes. */
const ENOUGH = 20

/** Runs something as often as it has calls, dying after the first, the second … until it lives. */
async function dyingEverywhere(run: (database: Database, calls: number) => Promise<unknown>): Promise<number> {
  for (let calls = 0; calls < ENOUGH; calls++) {
    const died = await run(relational.dyingAfter(calls), calls).then(
      () => false,
      () => true,
    )
    if (!died) return calls
  }
  throw new Error('it never came to an end')
}

describe('sign-up', () => {
  const session = (userId: Id) => ({
    ...{ sessionId: `session-${userId}`, userId, tokenHash: `token-${userId}` },
    ...{ nowMs: Date.now(), expiresMs: Date.now() + 60_000 },
  })
  const create = (database: Database, shard: number, name: string, email?: string) => {
    const account = relational.account(shard, name, email)
    return postgresAccounts(database).create(account, session(account.userId), [], null)
  }

  it('names and addresses are unique among all databases', async () => {
    expect(await create(relational.database, HERE, 'ann')).toBe('created')
    expect(await create(relational.database, THERE, 'ann', 'other@example.org')).toBe('username-taken')
    expect(await create(relational.database, THERE, 'anna', 'ann@example.org')).toBe('email-taken')
    expect(await create(relational.database, THERE, 'bob')).toBe('created')
    expect(await query(credentialOf('bob'))).toMatchObject([{ username: 'bob', password_hash: 'hash of bob' }])
    expect(await query(credentialOf('bob@example.org'))).toHaveLength(1)
  })

  it('of many sign-ups for one name one is made', async () => {
    const outcomes = await Promise.all(
      [HERE, THERE, HERE, THERE].map((shard) => create(relational.database, shard, 'cleo')),
    )
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1)
  })

  it('sessions are found by their ids and end with the token', async () => {
    const [credential] = await query<{ user_id: Id }>(credentialOf('bob'))
    const userId = String(credential!.user_id)
    const sessionId = `session-${userId}`
    const rotation = { sessionId, nextHash: 'next', nowMs: Date.now(), expiresMs: Date.now() + 60_000 }
    expect(await query(rotateSession({ ...rotation, presentedHash: 'wrong' }))).toEqual([])
    expect(await query(rotateSession({ ...rotation, presentedHash: `token-${userId}` }))).toEqual([
      { user_id: userId, username: 'bob' },
    ])
    expect(await query(sessionById(sessionId, Date.now()))).toMatchObject([{ token_hash: 'next', live: true }])
  })

  it.each([
    ['the first', HERE],
    ['the second', THERE],
  ])('dies at any step in %s database: the name is free after a while, or it is theirs', async (_, shard) => {
    await dyingEverywhere(async (database, calls) => {
      const name = `dying${shard}.${calls}`
      const outcome = await create(database, shard, name).catch((error: unknown) => error)
      const [credential] = await query(credentialOf(name))
      const again = await create(relational.database, shard, name)
      expect(again).toBe('username-taken')
      await relational.shards[0].database.query(sql`UPDATE directory SET claimed_at = now() - interval '1 hour'`)
      expect(await create(relational.database, shard, name)).toBe(credential ? 'username-taken' : 'created')
      expect(await query(credentialOf(name))).toHaveLength(1)
      if (outcome instanceof Error) throw outcome
    })
  })
})

describe('relations', () => {
  const state = (database: Database, table: string, columns: [string, string], pair: [Id, Id]) =>
    database.query<{ state: string; version: string }>(
      sql`SELECT state, version FROM ${sql.raw(table)} WHERE ${sql.raw(columns[0])} = ${pair[0]}::bigint
           AND ${sql.raw(columns[1])} = ${pair[1]}::bigint`,
    )
  /** Both databases say the same of a pair. */
  const agree = async (table: string, columns: [string, string], pair: [Id, Id]) => {
    const [one, other] = await Promise.all(
      relational.shards.map(({ database }) => state(database, table, columns, pair)),
    )
    expect(one).toEqual(other)
    return one?.[0]?.state
  }
  /** What the graph tier does with events that the sweeper published. */
  const consumeAll = async () => {
    for (const { type, data } of await relational.events()) {
      if (type === 'follow.changed')
        await relational.database.batch(applyFollow(data as unknown as FollowRow['event']['data']))
      else if (type === 'block.changed') await query(relations(String(data.userId), String(data.targetId)))
    }
  }
  const pair = async () =>
    [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })] as const

  it('a follow that dies between the databases is brought by its event', async () => {
    const calls = await dyingEverywhere(async (database) => {
      const [reader, author] = await pair()
      const answered = await database.query(follow(reader, author, null)).catch((error: unknown) => error as Error)
      await consumeAll()
      const columns: [string, string] = ['follower_id', 'followee_id']
      await agree('follows', columns, [reader, author])
      if (answered instanceof Error) throw answered
      expect(await agree('follows', columns, [reader, author])).toBe('active')
    })
    expect(calls).toBeGreaterThan(2)
  })

  it('a block that dies between the databases ends both follows and hides on both sides all the same', async () => {
    const calls = await dyingEverywhere(async (database) => {
      const [one, other] = await pair()
      for (const [a, b] of [
        [one, other],
        [other, one],
      ] as const) {
        const [row] = await query<FollowRow>(follow(a, b, null))
        await relational.database.batch(applyFollow(row!.event.data))
      }
      const answered = await database.batch(block(one, other, null)).catch((error: unknown) => error as Error)
      await consumeAll()
      await consumeAll()
      const blocked = await agree('blocks', ['user_id', 'target_id'], [one, other])
      const follows = await Promise.all([
        agree('follows', ['follower_id', 'followee_id'], [one, other]),
        agree('follows', ['follower_id', 'followee_id'], [other, one]),
      ])
      expect(follows).toEqual(blocked === 'active' ? ['removed', 'removed'] : ['active', 'active'])
      expect(await query(hiddenAuthors(other))).toHaveLength(blocked === 'active' ? 2 : 0)
      if (answered instanceof Error) throw answered
      expect(blocked).toBe('active')
    })
    expect(calls).toBeGreaterThan(3)
  })
})

describe('the router', () => {
  it('refuses a statement that does not say where it belongs, and a transaction over two databases', async () => {
    expect(() => query(sql`SELECT 1`)).toThrow('does not say to which database it belongs')
    const [one, other] = [ids.next(HERE), ids.next(THERE)]
    const statements = [...block(one, other, null)]
    await expect(relational.database.batch(statements)).rejects.toThrow('does not say')
  })
})

describe('a start', () => {
  const [first, second] = ['postgres://one/app', 'postgres://two/app']
  const settle = (text: string) =>
    settleShards(
      parseShardDatabases(text).map(({ ranges }, i) => ({ ranges, database: relational.shards[i]!.database })) as never,
    )

  it('goes on with the map of the first one, whatever ranges the settings say by then', async () => {
    const founded = await settle(`${first},${second}`)
    expect(founded).toMatchObject([
      { first: 0, last: 4095, database: 0, epoch: 1 },
      { first: 4096, last: 8191, database: 1, epoch: 1 },
    ])
    expect(await settle(`${first}#0-4999,${second}#5000-8191`)).toEqual(founded)
  })

  it('refuses settings that name too few databases, or name them in another order', async () => {
    await expect(settle(first)).rejects.toThrow('Shards 4096-8191 are in db2')
    const [one, other] = relational.shards
    await expect(settleShards([other!, one])).rejects.toThrow(/names db\d at the place of db\d|holds people/)
  })

  it('does not give away what a single database holds, and enters its people into the directory', async () => {
    const [single, added] = [await openRelational(1), await openRelational(1)]
    try {
      const ann = await single.person({ shard: THERE, name: 'ann' })
      await single.shards[0].database.query(sql`TRUNCATE directory`)
      const shardsOf = (text: string) =>
        parseShardDatabases(text).map(({ ranges }, i) => ({
          ranges,
          database: (i === 0 ? single : added).shards[0].database,
        })) as never
      await expect(settleShards(shardsOf(`${first},${second}`))).rejects.toThrow('It keeps what it has')
      await settleShards(shardsOf(`${first}#0-8191,${second}#none`))
      const entered = await single.shards[0].database.query(sql`SELECT user_id, username FROM directory`)
      expect(entered).toEqual([{ user_id: ann, username: 'ann' }])
    } finally {
      await single.close()
      await added.close()
    }
  })
})

/**
 * What the relational statements keep, and what they refuse: text of every script, sizes at their limits, statements that take too
 * long. Over one database and over two; embedded, or at POSTGRES_TEST_URL.
 */
import { type SQL, sql } from 'drizzle-orm'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createIdFactory, type Id, idShard } from '#core/ids.ts'
import { sqlState } from '#drizzle/database.ts'
import { boardsOf, createBoard } from '#drizzle/queries/boards.ts'
import { insertComment } from '#drizzle/queries/engagement.ts'
import { postsByIds, usersByIds } from '#drizzle/queries/feed.ts'
import { findIdempotent, reserveIdempotent } from '#drizzle/queries/idempotency.ts'
import { ownProfile, type ProfileRow, updateProfile } from '#drizzle/queries/people.ts'
import { createPost } from '#drizzle/queries/posts.ts'
import { isDataFault } from '../../origin/outages.ts'
import { pooledDatabase } from '../../origin/pools.ts'
import { startShards } from './engines.ts'
import { HERE, openRelational, type Relational, THERE } from './shards-harness.ts'

const ids = createIdFactory(Date.now, Math.random)
const BOARD_NAME = 100
const DISPLAY_NAME = 100
const CAPTION = 2_200

/** Text that something between here and the disk might change. */
const DELICATE = [
  '🦀 𝒳 \u{10ffff} 👩‍👩‍👧‍👦 🏳️‍🌈',
  'é composed, e\u0301 not; ﬁ, Å and Å',
  'שלום مرحبا \u202eturned',
  '한글 각 \u1112\u1161\u11ab',
  '\u0001\u007f\u0085\u2028\ufeff\uffff\t\r\n',
  `'"\\ \\u0000 $1 ? {a,"b"} NULL %s :name -- /* ;`,
]
const storable = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom(...DELICATE))
  .filter((text) => !text.includes('\0'))

describe.each([1, 2])('over %i databases', (count) => {
  let relational: Relational
  let reader: Id
  const query = <T>(statement: SQL) => relational.database.query<T>(statement)
  beforeAll(async () => {
    relational = await openRelational(count)
    reader = await relational.person({ shard: THERE })
  })
  afterAll(() => relational?.close())

  const publish = async (caption: string, hashtags: readonly string[] = []) => {
    const postId = ids.next(idShard(reader))
    await query(createPost({ postId, userId: reader, caption, hashtags, mediaIds: [], traceparent: null }))
    return postId
  }
  const textOf = async (post: Id) => {
    const [row] = await query<{ caption: string; hashtags: string[] }>(postsByIds([post]))
    return { caption: row?.caption, hashtags: row?.hashtags }
  }

  it('text comes back as it was written, composed or not, whatever statement it went through', async () => {
    await fc.assert(
      fc.asyncProperty(storable, fc.uniqueArray(storable, { maxLength: 6 }), async (caption, hashtags) => {
        expect(await textOf(await publish(caption, hashtags))).toEqual({ caption, hashtags })
        const displayName = [...caption].slice(0, DISPLAY_NAME).join('')
        await query(updateProfile(reader, { displayName, bio: caption }, null))
        const [profile] = await query<ProfileRow>(ownProfile(reader))
        expect([profile?.display_name, profile?.bio]).toEqual([displayName, caption])
      }),
      { numRuns: 25, examples: DELICATE.map((text) => [text, DELICATE]) },
    )
  })

  it.each([
    ['a value', (text: string) => publish(text)],
    ['a list', (text: string) => publish('', [text])],
    ['JSON', (text: string) => query(reserveIdempotent({ userId: reader, key: 'k', requestHash: '' }, { text }))],
    ['a name', (text: string) => query(updateProfile(reader, { displayName: text }, null))],
  ])(
    'a NUL in %s is refused as a fault of the data, nothing is written, and the next statement works',
    async (_, write) => {
      const posts = async () => (await query<ProfileRow & { post_count: number }>(ownProfile(reader)))[0]
      const before = await posts()
      const error = await write('a\0b').catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(Error)
      expect([sqlState(error)?.slice(0, 2), isDataFault(error)]).toEqual(['22', true])
      expect(await posts()).toEqual(before)
      expect(await query(findIdempotent({ userId: reader, key: 'k' }))).toEqual([])
    },
  )

  it('what is as long as it may be is kept whole, counted in characters and not in bytes', async () => {
    const [caption, name] = ['🦀'.repeat(CAPTION), '🦀'.repeat(BOARD_NAME)]
    const hashtags = Array.from({ length: 30 }, (_, i) => `${i}${'é'.repeat(97)}`)
    expect(await textOf(await publish(caption, hashtags))).toEqual({ caption, hashtags })
    const boardId = ids.next(idShard(reader))
    await query(createBoard({ boardId, userId: reader, name, isPrivate: false }))
    expect(await query(boardsOf(reader, reader, null, 10))).toMatchObject([{ name }])
    await query(updateProfile(reader, { displayName: name }, null))
    expect(await query(ownProfile(reader))).toMatchObject([{ display_name: name }])
    const body = '🦀'.repeat(CAPTION)
    const comment = { postId: '1', commentId: boardId, parentId: null, userId: reader, body, createdMs: Date.now() }
    expect(await relational.shards[0].database.query(insertComment(comment))).toMatchObject([{ body }])
  })

  it('what is longer is refused as a fault of the data, not cut', async () => {
    const boardId = ids.next(idShard(reader))
    const board = { boardId, userId: reader, name: 'x'.repeat(BOARD_NAME + 1), isPrivate: false }
    const error = await query(createBoard(board)).catch((caught: unknown) => caught)
    expect([sqlState(error), isDataFault(error)]).toEqual(['22001', true])
    const rows = await query<{ board_id: Id }>(boardsOf(reader, reader, null, 10))
    expect(rows.map((row) => row.board_id)).not.toContain(boardId)
  })

  it('ids up to the largest, thousands of them and megabytes pass in one statement', async () => {
    const largest = String((1n << 63n) - 1n)
    expect(await query(postsByIds([largest, '0']))).toEqual([])
    await expect(query(postsByIds([String(1n << 63n)]))).rejects.toSatisfy(isDataFault)
    const people = [reader, ...Array.from({ length: 2_000 }, (_, i) => ids.next(i % 2 === 0 ? HERE : THERE))]
    expect(await query(usersByIds(people))).toMatchObject([{ user_id: reader }])
    const request = { userId: reader, key: 'x'.repeat(255), requestHash: '0'.repeat(64) }
    const kept = { text: '🦀"\\'.repeat(250_000) }
    await query(reserveIdempotent(request, kept))
    expect(await query(findIdempotent(request))).toMatchObject([{ response: kept }])
  })
})

describe('a statement that takes too long', () => {
  let engines: Awaited<ReturnType<typeof startShards>>
  beforeAll(async () => {
    engines = await startShards(1)
  })
  afterAll(() => engines?.close())

  it('is ended for its caller, alone and within a transaction, and the database goes on', async () => {
    const [connectionString = ''] = engines.urls
    const limited = new pg.Pool({ connectionString, max: 2, statement_timeout: 100, query_timeout: 200 })
    const patient = new pg.Pool({ connectionString })
    for (const pool of [limited, patient]) {
      pool.on('error', () => {})
      pool.on('connect', (client) => void client.on('error', () => {}))
    }
    const slow = sql`SELECT pg_sleep(1)`
    await patient.query('CREATE TABLE kept (n int)')
    const database = pooledDatabase(limited)
    await expect(database.query(slow)).rejects.toThrow()
    await expect(database.batch([sql`INSERT INTO kept VALUES (1)`, slow])).rejects.toThrow()
    expect((await patient.query('SELECT n FROM kept')).rows).toEqual([])
    expect(await database.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
    await Promise.all([limited.end(), patient.end()])
  })
})

/** What only Cassandra has: answers that do not come, buckets and their totals, a schema that several bring up to date. */
import { Client } from 'cassandra-driver'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIdFactory, firstIdAt } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { BUCKETS } from '../../origin/engagement/cassandra/buckets.ts'
import { migrateKeyspace } from '../../origin/engagement/cassandra/migrate.ts'
import { MIGRATIONS } from '../../origin/engagement/cassandra/migrations.ts'
import {
  type CassandraSession,
  type CassandraSettings,
  cassandraEngagement,
  cassandraSession,
  type EngagementStore,
  type LikeState,
  likeVersion,
} from '../../origin/engagement/index.ts'
import { createReconcile, RECONCILE } from '../../origin/engagement/reconcile.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { type HeldLine, openLine } from './cassandra-line.ts'
import { cassandraForTests, dropKeyspace } from './engagement-engines.ts'
import { eventually, startRedis } from './engines.ts'

const given = cassandraForTests()
const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(7)

if (given === null) {
  test.skip('CASSANDRA_CONTACT_POINTS names no server to test against', () => {})
} else {
  const settings = given
  const target = settings.contactPoints[0] ?? ''
  const sessions: CassandraSession[] = []
  const open = (over: Partial<CassandraSettings> = {}) => {
    const session = cassandraSession({ ...settings, ...over }, () => {})
    sessions.push(session)
    return session
  }
  const storeOn = (session: CassandraSession, clock = Date.now, rows = 100_000): EngagementStore =>
    cassandraEngagement({
      session,
      bucketRows: { likes: rows, comments: rows, shares: rows },
      clock,
      random: Math.random,
    })
  const set = (store: EngagementStore, postId: string, userId: string, state: LikeState['state'], at: number) =>
    store.setLike({ postId, userId, state, at, version: likeVersion(at, state) })

  let direct: CassandraSession
  beforeAll(async () => {
    direct = open()
    await direct.ping()
  })
  afterAll(async () => {
    for (const session of sessions) await session.close()
    await dropKeyspace(settings)
  })

  describe('an answer that does not come', () => {
    let line: HeldLine
    let store: EngagementStore
    beforeAll(async () => {
      line = await openLine(target)
      store = storeOn(open({ contactPoints: [line.address] }))
      await store.count(newId())
    })
    afterAll(() => line.close())

    test('a like whose answer is lost is found to be made, counts once, and stays one when it is repeated', async () => {
      const [post, user] = [newId(), newId()]
      await set(store, post, newId(), 'liked', 500)
      line.hold('answers')
      const liking = set(store, post, user, 'liked', 1_000)
      const direct = storeOn(open())
      await eventually(async () => (await direct.likeOf(post, user)) !== null)
      line.cut()
      line.release()
      const first = await liking.catch(() => null)
      const again = await retried(() => set(store, post, user, 'liked', 1_000))
      expect(again).toMatchObject({ state: 'liked', at: 1_000 })
      expect(Number(first?.changed ?? false) + Number(again.changed)).toBeLessThanOrEqual(1)
      expect(await retried(() => store.count(post))).toEqual({ likes: 2, comments: 0 })
      expect(await direct.likers(post, 10, null)).toHaveLength(2)
    })

    test('a like that was cut off between the two rows is finished by its repetition', async () => {
      const [post, user] = [newId(), newId()]
      const at = 1_000
      // As a process leaves it that dies after the first row.
      await direct.decide(
        `INSERT INTO likes_by_user (user_id, post_id, state, changed_at, version, bucket, created_at, write_id)
         VALUES (?, ?, 'liked', ?, ?, 0, ?, uuid()) IF NOT EXISTS`,
        [BigInt(user), BigInt(post), BigInt(at), BigInt(likeVersion(at, 'liked')), new Date(at)],
      )
      const plain = storeOn(direct)
      expect((await plain.count(post)).likes).toBe(0)
      expect(await set(plain, post, user, 'liked', at)).toMatchObject({ changed: false, state: 'liked' })
      expect((await plain.count(post)).likes).toBe(1)
    })

    test('one’s own write is known again after its answer was lost, and is told from a twin’s', async () => {
      const [post, user] = [newId(), newId()]
      const deaf: CassandraSession = { ...direct, decide: (...call) => direct.decide(...call).then(() => 'unknown') }
      const like = () => set(storeOn(deaf), post, user, 'liked', 1_000)
      const outcomes = await Promise.all([like(), like(), like()])
      expect(outcomes.filter(({ changed }) => changed)).toHaveLength(1)
      expect((await storeOn(direct).count(post)).likes).toBe(1)
      const id = newId()
      const comment = { postId: post, commentId: id, parentId: null, userId: user, body: 'hi', createdMs: 1 }
      expect(await storeOn(deaf).addComment(comment)).toMatchObject({ added: true })
      expect(await storeOn(deaf).removeComment(post, id)).toEqual({ changed: true })
      expect(await storeOn(deaf).share({ postId: post, userId: user, at: 1_000 })).toEqual({ added: true, at: 1_000 })
      expect(await storeOn(direct).count(post)).toEqual({ likes: 1, comments: 0 })
    })

    test('a like that is slow to reach the post is not brought back after its removal', async () => {
      const [post, user] = [newId(), newId()]
      const { promise: gate, resolve: open } = Promise.withResolvers<void>()
      const slow: CassandraSession = {
        ...direct,
        write: async (query, params) => {
          if (query.startsWith('INSERT INTO likes ')) await gate
          await direct.write(query, params)
        },
      }
      const liking = set(storeOn(slow), post, user, 'liked', 1_000)
      const store = storeOn(direct)
      await eventually(async () => (await store.likeOf(post, user)) !== null)
      expect(await set(store, post, user, 'unliked', 2_000)).toMatchObject({ changed: true })
      open()
      expect(await liking).toMatchObject({ changed: true })
      expect((await store.count(post)).likes).toBe(0)
      expect(await store.likers(post, 10, null)).toEqual([])
    })

    test('likes of a post that come while one is being written go together in the next write, and all of them stand', async () => {
      const post = newId()
      const users = Array.from({ length: 70 }, newId)
      const { promise: gate, resolve: open } = Promise.withResolvers<void>()
      const sizes: number[] = []
      const held: CassandraSession = {
        ...direct,
        write: async (query, params) => {
          if (query.startsWith('INSERT INTO likes ')) await gate.then(() => sizes.push(1))
          await direct.write(query, params)
        },
        writeTogether: async (statements) => {
          await gate.then(() => sizes.push(statements.length))
          await direct.writeTogether(statements)
        },
      }
      const store = storeOn(held)
      const liking = Promise.all(users.map((user, i) => set(store, post, user, 'liked', 1_000 + i)))
      const rows = () => Promise.all(users.map((user) => store.likeOf(post, user)))
      await eventually(async () => (await rows()).every((row) => row !== null))
      open()
      expect((await liking).every(({ changed }) => changed)).toBe(true)
      // The first of them, fifty, and the rest.
      expect(sizes.length).toBeLessThanOrEqual(3)
      expect(Math.max(...sizes)).toBe(50)
      expect((await store.count(post)).likes).toBe(users.length)
      expect((await store.likers(post, 100, null)).map(({ userId }) => userId)).toEqual(users.toReversed())
    })

    test('a removal that was cut off is finished before the person’s row forgets where the like lay', async () => {
      const [post, user] = [newId(), newId()]
      const store = storeOn(direct)
      await set(store, post, user, 'liked', 1_000)
      const dying: CassandraSession = { ...direct, write: () => Promise.reject(new Error('killed')) }
      await expect(set(storeOn(dying), post, user, 'unliked', 2_000)).rejects.toThrow('killed')
      expect(await set(store, post, user, 'liked', 3_000)).toMatchObject({ changed: true })
      expect(await store.likers(post, 10, null)).toEqual([{ userId: user, at: 3_000 }])
      expect((await store.count(post)).likes).toBe(1)
    })

    test('likes and removals that were cut off, and that nobody repeats, are found by the walk and finished, their posts recounted', async () => {
      const [post, added, removed, whole] = [newId(), newId(), newId(), newId()]
      const store = storeOn(direct)
      for (const user of [removed, whole]) await set(store, post, user, 'liked', 1_000)
      const dying: CassandraSession = { ...direct, write: () => Promise.reject(new Error('killed')) }
      for (const [user, state] of [
        [added, 'liked'],
        [removed, 'unliked'],
      ] as const) {
        await expect(set(storeOn(dying), post, user, state, 2_000)).rejects.toThrow('killed')
      }
      expect((await store.likers(post, 10, null)).map(({ userId }) => userId).sort()).toEqual([removed, whole].sort())

      const { redis, close } = await startRedis()
      const portions: { checked: number; repaired: number }[] = []
      let now = Date.now()
      const { tick } = createReconcile({
        ...{
          store,
          redis,
          clock: () => now,
          owner: 'test',
          likesPerPortion: 2,
          logger: createLogger({ level: 'silent' }),
        },
        onPortion: (checked, repaired) => portions.push({ checked, repaired }),
      })
      // Portion by portion, as the job goes on after a restart: it keeps its place in Redis.
      do await tick()
      while (portions.at(-1)?.checked === 2)
      expect(portions.reduce((sum, { repaired }) => sum + repaired, 0)).toBe(2)
      expect((await store.likers(post, 10, null)).map(({ userId }) => userId).sort()).toEqual([added, whole].sort())
      expect(await redis.pipeline([['ZSCORE', keys.dirtyCounts(), post]])).toEqual([String(now)])

      const before = portions.length
      await tick()
      expect(portions).toHaveLength(before)
      now += RECONCILE.walkEveryMs
      await tick()
      expect(portions.length).toBeGreaterThan(before)
      await close()
    })

    test('while nothing gets through, calls fail as away; afterwards all goes on', async () => {
      const [post, user] = [newId(), newId()]
      line.cut()
      line.hold('requests')
      await expect(set(store, post, user, 'liked', 1_000)).rejects.toMatchObject({ status: 503, code: 'unavailable' })
      await expect(store.likeOf(post, user)).rejects.toMatchObject({ status: 503 })
      line.cut()
      line.release()
      expect(await retried(() => set(store, post, user, 'liked', 1_000))).toMatchObject({ state: 'liked' })
      expect((await retried(() => store.count(post))).likes).toBe(1)
    })
  })

  describe('buckets', () => {
    /** A clock that the test moves. */
    const moment = { now: Date.now() }
    const clock = () => moment.now

    const bucketRows = (post: string) =>
      direct.read("SELECT bucket, changed, counted FROM buckets WHERE post_id = ? AND kind = 'likes'", [BigInt(post)])

    test('roll when they are full, keep the total of closed ones, and see what changes there', async () => {
      const post = newId()
      const store = storeOn(open(), clock, 20)
      const people = Array.from({ length: 50 }, newId)
      for (const [i, user] of people.entries()) await set(store, post, user, 'liked', moment.now + i)
      expect((await bucketRows(post)).length).toBeGreaterThanOrEqual(2)
      expect((await store.count(post)).likes).toBe(50)
      expect((await bucketRows(post)).every((row) => row.counted === null)).toBe(true)

      moment.now += BUCKETS.settleMs + 1_000
      expect((await store.count(post)).likes).toBe(50)
      const closed = (await bucketRows(post)).filter((row) => row.counted !== null)
      expect(closed.length).toBeGreaterThanOrEqual(1)

      // Behind the total's back, nothing of it is seen: that is how we know that it is used.
      await direct.write('DELETE FROM likes WHERE post_id = ? AND bucket = 0', [BigInt(post)])
      expect((await store.count(post)).likes).toBe(50)
      // One that is taken back in a closed bucket puts an end to the total.
      await set(store, post, people[0]!, 'unliked', moment.now)
      expect((await store.count(post)).likes).toBeLessThan(50)
    })

    test('roll by what was written: likes that were taken back leave tombstones, and count', async () => {
      const [post, user] = [newId(), newId()]
      const store = storeOn(open(), clock, 16)
      for (let i = 0; i < 40; i++) await set(store, post, user, i % 2 === 0 ? 'liked' : 'unliked', moment.now + i)
      expect(await store.count(post)).toEqual({ likes: 0, comments: 0 })
      const rows = await direct.read("SELECT bucket FROM buckets WHERE post_id = ? AND kind = 'likes'", [BigInt(post)])
      expect(rows.length).toBe(2)
    })

    test('of two processes that know different buckets, both count right', async () => {
      const post = newId()
      const [behind, ahead] = [storeOn(open(), clock, 10), storeOn(open(), clock, 10)]
      await set(behind, post, newId(), 'liked', moment.now)
      for (let i = 1; i <= 40; i++) await set(ahead, post, newId(), 'liked', moment.now + i)
      // Still remembers the first bucket as the open one, and writes there.
      await set(behind, post, newId(), 'liked', moment.now + 100)
      expect(await ahead.count(post)).toEqual({ likes: 42, comments: 0 })
      moment.now += BUCKETS.settleMs + 1_000
      expect(await ahead.count(post)).toEqual({ likes: 42, comments: 0 })
      await set(behind, post, newId(), 'liked', 5)
      const users = (await ahead.likers(post, 100, null)).map(({ userId }) => userId)
      expect(new Set(users).size).toBe(43)
      expect(await behind.count(post)).toEqual({ likes: 43, comments: 0 })
    })

    test('pages run over buckets in the order of the likes, also of one that came late', async () => {
      const post = newId()
      const store = storeOn(open(), clock, 10)
      const start = moment.now
      for (let i = 1; i <= 35; i++) await set(store, post, newId(), 'liked', start + i * 10)
      moment.now += BUCKETS.settleMs + 1_000
      await store.count(post)
      await set(store, post, newId(), 'liked', start + 15)
      const met: number[] = []
      for (let after = null as { userId: string; at: number } | null; ; ) {
        const page = await store.likers(post, 4, after)
        if (page.length === 0) break
        met.push(...page.map(({ at }) => at))
        after = page.at(-1)!
      }
      expect(met).toHaveLength(36)
      expect(met).toEqual([...met].sort((a, b) => b - a))
    })

    test('comments lie where their ids say, and are found and listed across the border', async () => {
      const post = newId()
      const store = storeOn(open(), clock, 6)
      const say = (ms: number) => {
        const commentId = String(BigInt(firstIdAt(ms)) + BigInt(Math.floor(Math.random() * 4_000_000)))
        const comment = { postId: post, commentId, parentId: null, userId: '1', body: 'x', createdMs: ms }
        return store.addComment(comment).then(() => commentId)
      }
      const made: string[] = []
      for (let i = 0; i < 30; i++) {
        moment.now += 30_000
        made.push(await say(moment.now))
      }
      const rows = await direct.read("SELECT bucket FROM buckets WHERE post_id = ? AND kind = 'comments'", [
        BigInt(post),
      ])
      expect(rows.length).toBeGreaterThanOrEqual(2)
      const fresh = storeOn(open(), clock, 6)
      for (const commentId of made) expect(await fresh.comment(post, commentId)).not.toBeNull()
      const met: string[] = []
      let before: string | null = null
      do {
        const page = await fresh.topComments(post, 4, before)
        met.push(...page.items.map(({ commentId }) => commentId))
        before = page.next
      } while (before !== null)
      expect(met).toEqual([...made].reverse())
      await fresh.removeComment(post, made[0]!)
      expect((await store.count(post)).comments).toBe(29)
    })
  })

  describe('the schema', () => {
    const client = () =>
      new Client({ contactPoints: [...settings.contactPoints], localDataCenter: settings.datacenter })

    test('is brought up to date once by several processes that start together, and a new step is added later', async () => {
      const fresh = { ...settings, keyspace: `${settings.keyspace.slice(0, 30)}_m` }
      const clients = [client(), client(), client()]
      try {
        await Promise.all(clients.map((one) => migrateKeyspace(one, fresh)))
        const step = { name: '9999_more', statements: ['ALTER TABLE shares ADD IF NOT EXISTS channel text'] }
        await Promise.all(clients.map((one) => migrateKeyspace(one, fresh, [...MIGRATIONS, step])))
        const { rows } = await clients[0]!.execute(`SELECT name FROM ${fresh.keyspace}.schema_migrations`)
        expect(rows.map((row) => row.name).sort()).toEqual([...MIGRATIONS.map(({ name }) => name), '9999_more'].sort())
      } finally {
        await clients[0]!.execute(`DROP KEYSPACE IF EXISTS ${fresh.keyspace}`, [], { readTimeout: 60_000 })
        for (const one of clients) await one.shutdown()
      }
    })

    test('keeps every row until it is deleted', async () => {
      const tables = await direct.read(
        'SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?',
        [settings.keyspace],
      )
      expect(tables.length).toBeGreaterThanOrEqual(9)
      expect(tables.filter((table) => table.default_time_to_live !== 0)).toEqual([])
    })
  })
}

/** As the edge's queue does with what could not be done. */
async function retried<T>(call: () => Promise<T>): Promise<T> {
  let result: { value: T } | null = null
  await eventually(async () => {
    result = await call().then(
      (value) => ({ value }),
      () => null,
    )
    return result !== null
  }, 30_000)
  return (result as unknown as { value: T }).value
}

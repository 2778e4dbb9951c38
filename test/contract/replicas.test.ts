/**
 * Reads that may lag, on a primary and its real standby: of the cluster that E2E_ENGINES names, whose profile `cluster` has one,
 * or of its own where POSTGRES_TEST_DOWNLOADS says that the software lies. The embedded engine has none.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { createIdFactory } from '#core/ids.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { mayLag } from '#drizzle/placement.ts'
import { insertAccount } from '#drizzle/queries/accounts.ts'
import { usersByIds } from '#drizzle/queries/feed.ts'
import { withReplica } from '#drizzle/replicas.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createReplicas, postgresPair, type Replicas } from '../../origin/replicas/index.ts'
import { createDatabaseAt, eventually } from './engines.ts'
import { pairOfServers, type ServerPair } from './postgres-servers.ts'

const ids = createIdFactory(Date.now, Math.random)
const logger = createLogger({ level: 'silent' })

const start = pairOfServers()

if (start === null) {
  test.skip('a primary with a standby (neither DATABASE_REPLICA_URLS nor POSTGRES_TEST_DOWNLOADS has one)', () => {})
} else {
  describe('a primary with a standby', () => suite(start))
}

function suite(startServers: () => Promise<ServerPair>): void {
  const closers: (() => Promise<unknown>)[] = []
  let replicaServer: string
  let primary: pg.Pool
  let replica: pg.Pool
  let replicas: Replicas
  let database: Database
  const readBy: string[] = []

  const pool = (url: string) => {
    const opened = new pg.Pool({ connectionString: url, max: 4 }).on('error', () => {})
    closers.unshift(() => opened.end())
    return opened
  }
  const holdReplay = (isHeld: boolean) =>
    replica.query(isHeld ? 'SELECT pg_wal_replay_pause()' : 'SELECT pg_wal_replay_resume()')
  const addPerson = async () => {
    const userId = ids.next(7)
    const [person] = insertAccount({
      userId,
      username: `r${userId}`,
      email: `r${userId}@example.com`,
      displayName: 'R',
      passwordHash: '',
    })
    await database.query(person!)
    return userId
  }
  const people = (id: string) => usersByIds([id])

  beforeAll(async () => {
    const servers = await startServers()
    closers.unshift(servers.close)
    replicaServer = servers.standby
    const own = await createDatabaseAt(servers.primary)
    closers.unshift(own.close)
    const url = Object.assign(new URL(replicaServer), { pathname: new URL(own.url).pathname }).href
    primary = pool(own.url)
    replica = pool(url)
    await migrate(primary)
    replicas = createReplicas({
      pairs: new Map([[0, postgresPair(primary, replica)]]),
      clock: Date.now,
      pause: delay,
      logger,
    })
    database = withReplica(nodeDatabase(drizzle(primary)), {
      database: nodeDatabase(drizzle(replica)),
      isUsable: () => replicas.isUsable(0),
      onRead: (by) => readBy.push(by),
    })
    await eventually(async () => {
      await replicas.look()
      return replicas.isUsable(0)
    })
  })
  afterEach(() => holdReplay(false))
  afterAll(async () => {
    for (const close of closers) await close()
  })

  it('shows at the standby, after a look, what was committed before it', async () => {
    for (let round = 0; round < 20; round++) {
      const id = await addPerson()
      await replicas.look()
      if (!replicas.isUsable(0)) continue
      expect(await database.query(mayLag(people(id)))).toHaveLength(1)
      expect(readBy.at(-1)).toBe('replica')
    }
    expect(readBy).toContain('replica')
  })

  it('reads nothing else there', async () => {
    const before = readBy.length
    expect(await database.query(people(await addPerson()))).toHaveLength(1)
    expect(readBy).toHaveLength(before)
  })

  it('leaves a standby whose replay is held, whose lag grows, and comes back to it', async () => {
    await holdReplay(true)
    const id = await addPerson()
    await eventually(async () => {
      await replicas.look()
      return !replicas.isUsable(0)
    })
    expect(await replica.query('SELECT 1 FROM users WHERE user_id = $1', [id])).toMatchObject({ rowCount: 0 })
    expect(await database.query(mayLag(people(id)))).toHaveLength(1)
    expect(readBy.at(-1)).toBe('primary')
    const [{ lagMs: early } = { lagMs: 0 }] = replicas.states()
    await replicas.look()
    expect(replicas.states()[0]?.lagMs).toBeGreaterThan(early ?? 0)
    expect(early).toBeGreaterThan(500)
    await holdReplay(false)
    await eventually(async () => {
      await replicas.look()
      return replicas.isUsable(0)
    })
    expect(await database.query(mayLag(people(id)))).toHaveLength(1)
    expect(readBy.at(-1)).toBe('replica')
  })

  it('does not take a primary for a replica, nor the replica of another database', async () => {
    const pairs = new Map([
      [0, postgresPair(primary, primary)],
      [1, postgresPair(primary, pool(replicaServer))],
    ])
    const wrong = createReplicas({ pairs, clock: Date.now, pause: delay, logger })
    await wrong.look()
    expect(wrong.states().map(({ lagMs }) => lagMs)).toEqual([null, null])
  })

  it('asks the primary when the standby cancels or refuses a statement', async () => {
    const refused: Database = {
      query: () => nodeDatabase(drizzle(replica)).query(insertAccount(nobody())[0]!),
      batch: (statements) => nodeDatabase(drizzle(replica)).batch(statements),
    }
    const both = withReplica(database, { database: refused, isUsable: () => true })
    expect(await both.query(mayLag(people(await addPerson())))).toHaveLength(1)
  })
}

const nobody = () => {
  const userId = ids.next(7)
  return { userId, username: `n${userId}`, email: `n${userId}@example.com`, displayName: '', passwordHash: '' }
}

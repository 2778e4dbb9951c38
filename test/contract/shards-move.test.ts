/**
 * A range of shards moves from one Postgres to another and back while more than a hundred writes a second go on and the mover
 * is killed at several points: nothing is lost, nothing doubled. On real servers; the embedded engine cannot replicate.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Id, idShard } from '#core/ids.ts'
import { nodeDatabase } from '#drizzle/database.ts'
import { recordedRanges } from '#drizzle/ownership.ts'
import { type Shard, shardedDatabase } from '#drizzle/sharded.ts'
import { inRange, ofNobodyHere, SHARDED_TABLES } from '../../ops/shards/tables.ts'
import { eventually } from './engines.ts'
import { startTwoDatabases, type TwoDatabases } from './postgres-servers.ts'
import { differences } from './shards-differences.ts'
import { openRelational, type Relational } from './shards-harness.ts'
import { type Load, startLoad } from './shards-load.ts'

const RANGE = { first: 1_000, last: 2_047 }
const MOVING = '1000-2047'
/** In the range, beside it, and in the other database. */
const SHARDS = [1_000, 1_500, 2_047, 11, 999, 2_048, 8_000, 5_000]
const PEOPLE_A_SHARD = 4

/** Maps are believed for a second here, so four are notice enough; and time to kill the mover in. */
const FRESH_MS = 1_000
const FLAGS = ['--notice', '4', '--keep', '3']

const started = await startTwoDatabases()
const needs = started === null ? ' (POSTGRES_TEST_DOWNLOADS, POSTGRES_TEST_URLS name no server)' : ''

/** Without servers no case runs. */
const servers: TwoDatabases = started ?? { urls: [], described: '', close: async () => {} }
const { urls, described } = servers

describe.skipIf(started === null)(`moving a range of shards${needs}`, () => {
  let relational: Relational
  let pools: pg.Pool[]
  /** Beside the pools, where the writers stand in line. */
  let probes: pg.Client[]
  let people: Id[]
  let load: Load

  beforeAll(async () => {
    relational = await openRelational(2, servers)
    pools = urls.map((connectionString) => new pg.Pool({ connectionString, max: 12 }))
    // Sockets close a little after their pool has ended: by then the server may have hung up.
    for (const pool of pools) pool.on('connect', (client) => void client.on('error', () => {})).on('error', () => {})
    probes = urls.map((connectionString) => new pg.Client({ connectionString }))
    for (const probe of probes) await probe.connect()
    people = []
    for (const shard of SHARDS) {
      for (let i = 0; i < PEOPLE_A_SHARD; i++) people.push(await relational.person({ shard }))
    }
  })
  afterAll(async () => {
    await load?.stop()
    for (const client of [...(pools ?? []), ...(probes ?? [])]) await client.end()
    await relational?.close()
  })

  /** The same databases, as another process would have them. */
  const aProcess = () =>
    shardedDatabase(
      relational.shards.map(({ ranges }, i) => ({ ranges, database: nodeDatabase(drizzle(pools[i]!)) })) as unknown as [
        Shard,
        ...Shard[],
      ],
      { freshMs: FRESH_MS, patienceMs: 30_000 },
    )
  const at = async (index: number, text: string) => (await pools[index]!.query({ text, rowMode: 'array' })).rows[0]?.[0]
  const step = () => at(0, `SELECT step FROM shard_moves WHERE step <> 'done'`)
  const ownersNow = async () => {
    const map = await recordedRanges(relational.shards[0].database)
    return (id: Id) => map.find(({ first, last }) => idShard(id) >= first && idShard(id) <= last)?.database ?? -1
  }

  const command = (...args: string[]) => {
    const child = spawn(process.execPath, ['ops/shards.ts', ...args], {
      env: { ...process.env, DATABASE_URLS: urls.join(',') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
    return { child: child as ChildProcess, ended, said: () => said }
  }
  const succeeds = async (...args: string[]) => {
    const { ended, said } = command(...args)
    expect(await ended, said()).toBe(0)
    return said()
  }
  /** Starts the command and kills it as soon as something holds. */
  const killedOnce = async (isThere: () => Promise<boolean>, ...args: string[]) => {
    const { child, ended, said } = command(...args)
    let isOver = false
    void ended.then(() => {
      isOver = true
    })
    while (!isOver && !(await isThere())) await new Promise((resolve) => setImmediate(resolve))
    const wasOver = isOver
    child.kill('SIGKILL')
    await ended
    expect(wasOver, `it ended before it was killed: ${said()}`).toBe(false)
  }

  /** Keeps the mover where it needs this lock, however slow the machine is. */
  const held = async (index: number, text: string) => {
    const holder = new pg.Client({ connectionString: urls[index]! })
    await holder.connect()
    await holder.query('BEGIN')
    await holder.query(text)
    return { release: () => holder.end() }
  }

  /** Copying and cleaning both need a lock on each table of the target; nobody here writes this one. */
  const killedWhile = async (reached: 'copying' | 'cleaning', ...args: string[]) => {
    const lock = await held(1, 'LOCK TABLE reports IN SHARE MODE')
    await killedOnce(async () => (await step()) === reached, ...args)
    await lock.release()
  }

  const nothingLeftAt = async (index: number) => {
    for (const table of SHARDED_TABLES) {
      const left = await at(
        index,
        `SELECT count(*)::int FROM ${table.name} WHERE (${inRange(table, RANGE)}) AND ${ofNobodyHere(table)}`,
      )
      expect(left, table.name).toBe(0)
    }
    for (const catalog of ['pg_publication', 'pg_subscription']) {
      expect(await at(index, `SELECT count(*)::int FROM ${catalog}`)).toBe(0)
    }
    expect(await at(index, `SELECT count(*)::int FROM pg_replication_slots WHERE slot_type = 'logical'`)).toBe(0)
  }

  const steadily = async (writes: number) => {
    const goal = load.writes.length + writes
    await eventually(() => load.writes.length >= goal, 120_000)
  }

  it('loses and doubles nothing under a load of writes, though the mover is killed at four points', async () => {
    load = startLoad(aProcess(), aProcess(), people, RANGE)
    const began = Date.now()
    await steadily(300)
    const quiet = Math.max(...load.writes.map(({ ms }) => ms))
    const move = ['move', '--range', MOVING, '--to', 'db2', ...FLAGS]
    const early = await held(0, 'LOCK TABLE reports IN SHARE UPDATE EXCLUSIVE MODE')
    await killedOnce(async () => (await step()) === 'announced', ...move)
    await early.release()
    await killedWhile('copying', ...move)
    // A transaction that is open at the source holds up copies that are to begin.
    const isCopied = async () => (await at(1, `SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel`)) === true
    await eventually(isCopied, 60_000)
    // Nobody owns it any more at the source, the target has opened, and the map does not say so yet.
    const late = await held(0, `SELECT 1 FROM shard_ranges WHERE first_shard = ${RANGE.first} FOR UPDATE`)
    await killedOnce(async () => (await at(0, `SELECT 1 FROM shard_owner WHERE state = 'moved'`)) === 1, ...move)
    await late.release()
    await killedWhile('cleaning', ...move)
    await succeeds(...move)
    await steadily(200)
    const there = Date.now()
    const said = await succeeds('move', '--range', MOVING, '--to', 'db1', ...FLAGS)
    await steadily(200)
    const seconds = (Date.now() - began) / 1_000
    await load.stop()
    expect(load.faults).toEqual([])
    expect(
      await differences(
        relational.shards.map(({ database }) => database),
        load.told,
        await ownersNow(),
      ),
    ).toEqual([])
    await nothingLeftAt(0)
    await nothingLeftAt(1)
    const rate = load.writes.length / seconds
    const undisturbed = load.writes.filter((write) => write.at >= there && write.moving)
    console.info(
      `shards-move, ${described}: ${load.writes.length} writes acknowledged at ${rate.toFixed(0)} a second, ${load.reads} rows read; ` +
        `longest write ${quiet} ms before, ${Math.max(...undisturbed.map(({ ms }) => ms))} ms during a move nobody kills; ` +
        `${/writers waited \d+ ms/.exec(said)?.[0]}`,
    )
    expect(rate).toBeGreaterThan(100)
  }, 300_000)

  it('is given up before its switch, and nothing of it stays', async () => {
    load = startLoad(aProcess(), aProcess(), people, RANGE)
    const before = await ownersNow()
    await killedWhile('copying', 'move', '--range', MOVING, '--to', 'db2', ...FLAGS)
    await expect(succeeds('move', '--range', '0-99', '--to', 'db2')).rejects.toThrow('is not finished')
    expect(await succeeds('plan')).toContain('Not finished')
    await succeeds('move', '--abort')
    await load.stop()
    expect(load.faults).toEqual([])
    expect(people.map(await ownersNow())).toEqual(people.map(before))
    await nothingLeftAt(1)
    expect(await succeeds('plan')).toContain('db2')
  }, 120_000)
})

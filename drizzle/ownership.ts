/**
 * Who owns which shards, as this process knows it, and how it is held to it. Each database knows what it owns itself
 * (shard_owner), and a transaction that writes asserts it first: what is refused has done nothing, the map is read again, and
 * the same statements go where the rows are by now. ARCHITECTURE.md ("Moving shards") argues why this loses nothing.
 */
import { type SQL, sql } from 'drizzle-orm'
import { type Clock, type Id, idShard } from '#core/ids.ts'
import { type OwnedRange, type ShardMap, shardMap } from '#core/shard-map.ts'
import { type Database, type Row, sqlState } from './database.ts'
import type { Shards } from './placement.ts'

/** What assert_shards() raises. */
const NOT_OWNER = 'TL001'

/** Milliseconds after which a map that could not be read is asked for again. */
const RELOAD_FAILED_MS = 1_000

/**
 * A map that is not older says whether a move is announced; with an older one readers assert what they read, as they do for
 * ranges that are moving. So a move may switch once its announcement is older than this and the longest wait for a connection.
 */
export const MAP_FRESH_MS = 20_000

/** The map of all databases, which others may change at any time. */
export interface LiveMap {
  current(): ShardMap
  isFresh(): boolean
  /** Reads it again when it is time to. One that cannot be read stays as it is, and grows stale. */
  keepFresh(): Promise<void>
  reload(): Promise<void>
}

interface RangeRow {
  first_shard: number
  last_shard: number
  database: number
  epoch: string | number
  moving: boolean
}

/** The ranges that the directory has written down; none before the databases are settled. */
export async function recordedRanges(directory: Database): Promise<OwnedRange[]> {
  const rows = await directory.query<RangeRow>(
    sql`SELECT first_shard, last_shard, database, epoch, moving FROM shard_ranges ORDER BY first_shard`,
  )
  return rows.map(({ first_shard: first, last_shard: last, database, epoch, moving }) => ({
    ...{ first, last, database, epoch: Number(epoch), moving },
  }))
}

/**
 * @param founded what holds until the directory has answered
 * @param freshMs how old a fresh map may be; it is read again at half that age
 */
export function liveMap(directory: Database, founded: ShardMap, clock: Clock, freshMs: number): LiveMap {
  let map = founded
  let readAt = Number.NEGATIVE_INFINITY
  let dueAt = Number.NEGATIVE_INFINITY
  const reload = async () => {
    const began = clock()
    // Whoever comes meanwhile goes on with what there is: in a Worker no request may wait for another's promise.
    dueAt = began + RELOAD_FAILED_MS
    const ranges = await recordedRanges(directory).catch(() => [])
    if (ranges.length === 0 || began < readAt) return
    map = shardMap(ranges)
    readAt = began
    dueAt = began + freshMs / 2
  }
  return {
    current: () => map,
    isFresh: () => clock() - readAt <= freshMs,
    keepFresh: async () => (clock() >= dueAt ? reload() : undefined),
    reload,
  }
}

/** The owners that a plan found in one database are in several by now: it has to be made anew. */
export class OwnersParted extends Error {}

export interface Ownership {
  /** In the order of the settings; the first is the directory. */
  readonly databases: readonly [Database, ...Database[]]
  readonly live: LiveMap
}

/**
 * The databases for one statement or plan. A database that it gave for some owners keeps to them: it asserts that they are
 * there, and follows them when all of them have moved.
 * @param isRead then nothing is asserted but what may be moving
 * @param again waits before a refused statement is tried once more; throws when it is enough
 */
export function placesOf(
  { databases, live }: Ownership,
  isRead: boolean,
  again: (cause: unknown) => Promise<void>,
): Shards {
  const opened = new Map<number, OwnedDatabase>()
  const at = (index: number) => {
    let database = opened.get(index)
    if (database === undefined) {
      database = ownedDatabase({ databases, live }, isRead, again)
      opened.set(index, database)
    }
    return database
  }
  const of = (owner: Id) => {
    const shard = idShard(owner)
    const database = at(live.current().rangeOf(shard).database)
    database.shards.set(shard, shard)
    return database
  }
  return {
    of,
    directory: databases[0],
    all: databases,
    get owning() {
      for (const { database, first, last } of live.current().ranges) at(database).shards.set(first, last)
      return [...opened.values()]
    },
    group(ids) {
      const groups = new Map<Database, Id[]>()
      for (const id of ids) {
        const database = of(id)
        const group = groups.get(database)
        if (group === undefined) groups.set(database, [id])
        else group.push(id)
      }
      return groups
    },
  }
}

interface OwnedDatabase extends Database {
  /** Those that a plan has asked it for: from one to another, both included. */
  readonly shards: Map<number, number>
}

function ownedDatabase(
  { databases, live }: Ownership,
  isRead: boolean,
  again: (cause: unknown) => Promise<void>,
): OwnedDatabase {
  const shards = new Map<number, number>()
  const run = async <T>(call: (database: Database, assertion: SQL | null) => Promise<T>): Promise<T> => {
    for (;;) {
      await live.keepFresh()
      const held = rangesOf(live.current(), shards)
      const [home, ...others] = new Set([...held.keys()].map(({ database }) => database))
      if (others.length > 0) throw new OwnersParted('what lay in one database is being moved apart')
      const database = databases[home ?? 0]
      if (database === undefined) throw new Error(`The settings do not name database ${(home ?? 0) + 1} of the map.`)
      const isAsserted = !isRead || !live.isFresh() || [...held.keys()].some(({ moving }) => moving)
      try {
        return await call(database, isAsserted ? assertion(held, !isRead) : null)
      } catch (error) {
        if (sqlState(error) !== NOT_OWNER) throw error
        await again(error)
      }
    }
  }
  return {
    shards,
    query: <T>(statement: SQL) =>
      run(async (database, first) => {
        if (first === null) return database.query<T>(statement)
        const [, rows = []] = await database.batch([first, statement])
        return rows as T[]
      }),
    batch: (statements) =>
      run(async (database, first): Promise<Row[][]> => {
        if (first === null) return database.batch(statements)
        return (await database.batch([first, ...statements])).slice(1)
      }),
  }
}

interface Span {
  low: number
  high: number
}

/** The shards by the range that they are in: the lowest and the highest of each. */
function rangesOf(map: ShardMap, shards: ReadonlyMap<number, number>): Map<OwnedRange, Span> {
  const held = new Map<OwnedRange, Span>()
  for (const [first, last] of shards) {
    for (let from = first; from <= last; ) {
      const range = map.rangeOf(from)
      const to = Math.min(last, range.last)
      const { low, high } = held.get(range) ?? { low: from, high: to }
      held.set(range, { low: Math.min(low, from), high: Math.max(high, to) })
      from = range.last + 1
    }
  }
  return held
}

function assertion(held: ReadonlyMap<OwnedRange, Span>, isWriting: boolean): SQL {
  // In the same order everywhere: those who lock several ranges do not wait for each other in a circle.
  const rows = [...held].sort(([a], [b]) => a.first - b.first)
  const list = (value: (range: OwnedRange, span: Span) => number | null) =>
    `{${rows.map(([range, span]) => value(range, span) ?? 'NULL').join(',')}}`
  return sql`SELECT assert_shards(${list((_, { low }) => low)}::int[], ${list((_, { high }) => high)}::int[],
    ${list(({ epoch }) => epoch)}::bigint[], ${sql.raw(String(isWriting))})`
}

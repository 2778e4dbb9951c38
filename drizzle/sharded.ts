/** One Database over several: each statement goes where it says that it belongs (placement.ts), if it is there still (ownership.ts). */
import type { SQL } from 'drizzle-orm'
import type { Clock } from '#core/ids.ts'
import { type ShardRange, settingsMap } from '#core/shard-map.ts'
import type { Database, Row } from './database.ts'
import { liveMap, MAP_FRESH_MS, type Ownership, OwnersParted, placesOf } from './ownership.ts'
import { batchPlanOf, type Place, placeOf, type Shards } from './placement.ts'

export interface Shard {
  readonly database: Database
  /** As the settings say: what they own until the map of all databases was read. */
  readonly ranges: readonly ShardRange[]
}

export interface RoutingOptions {
  clock: Clock
  pause(ms: number): Promise<void>
  /** Milliseconds for which a statement is tried again while its rows change hands. */
  patienceMs: number
  /** What is thrown after that. */
  unavailable(cause: unknown): unknown
  /** Milliseconds for which the map of all databases is believed (ownership.ts); a move's notice is longer. */
  freshMs: number
}

/** A switch takes some tenths of a second; one whose mover died takes until that goes on. */
const DEFAULTS: RoutingOptions = {
  clock: Date.now,
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  patienceMs: 10_000,
  freshMs: MAP_FRESH_MS,
  unavailable: (cause) => new Error('The rows are being moved to another database.', { cause }),
}

/** Milliseconds between tries: the first comes at once, with the map that was read anew. */
const waitBefore = (attempt: number) => (attempt === 0 ? 0 : Math.min(200, 5 * 2 ** attempt))

/**
 * The first of them is the directory. A single one is answered as it is: nothing is routed, nothing costs more.
 * @throws RangeError when the ranges are not whole
 */
export function shardedDatabase(shards: readonly [Shard, ...Shard[]], options: Partial<RoutingOptions> = {}): Database {
  const [first, ...others] = shards
  if (others.length === 0) return first.database
  const routing = { ...DEFAULTS, ...options }
  const databases = [first.database, ...others.map(({ database }) => database)] as const
  return routed(
    { databases, live: liveMap(first.database, settingsMap(shards), routing.clock, routing.freshMs) },
    routing,
  )
}

function routed(ownership: Ownership, options: RoutingOptions): Database {
  const [directory] = ownership.databases
  /** Runs something with databases that were right when it began, again when they are not any more. */
  const settled = async <T>(isRead: boolean, run: (shards: Shards) => Promise<T>): Promise<T> => {
    const again = patience(ownership, options)
    for (;;) {
      try {
        await ownership.live.keepFresh()
        return await run(placesOf(ownership, isRead, again))
      } catch (error) {
        if (!(error instanceof OwnersParted)) throw error
        await again(error)
      }
    }
  }
  return {
    query<T>(statement: SQL): Promise<T[]> {
      const place = placed(statement)
      if (place.kind === 'directory') return directory.query<T>(statement)
      return settled(place.isRead, (shards) =>
        place.kind === 'plan' ? (place.rows(shards) as Promise<T[]>) : shards.of(place.owner).query<T>(statement),
      )
    },
    async batch(statements) {
      const plan = batchPlanOf(statements)
      if (plan !== null) return settled(false, plan)
      const places = statements.map(placed)
      const isRead = places.every((place) => place.isRead)
      return settled(isRead, async (shards) => {
        const homes = new Set(places.map((place) => (place.kind === 'plan' ? null : databaseOf(place, shards))))
        const [only, ...more] = homes
        if (only !== undefined && only !== null && more.length === 0) return only.batch(statements)
        if (!isRead) throw new Error('a transaction lies in one database: these writes belong to several')
        return readSideBySide(statements, places, shards)
      })
    },
  }
}

/** Waits before another try, and reads the map before it. */
function patience({ live }: Ownership, { clock, pause, patienceMs, unavailable }: RoutingOptions) {
  const deadline = clock() + patienceMs
  let attempt = 0
  return async (cause: unknown) => {
    if (clock() >= deadline) throw unavailable(cause)
    const ms = waitBefore(attempt++)
    if (ms > 0) await pause(ms)
    await live.reload()
  }
}

/**
 * Reads need no transaction in common: those of one database go there in one request. What takes several databases comes
 * after that, one by one: no database is asked two things at once, of which a breaker that tries again would refuse one.
 */
async function readSideBySide(statements: readonly SQL[], places: readonly Place[], shards: Shards): Promise<Row[][]> {
  const results: Row[][] = statements.map(() => [])
  const batches = new Map<Database, number[]>()
  for (const [i, place] of places.entries()) {
    if (place.kind === 'plan') continue
    const database = databaseOf(place, shards)
    batches.set(database, [...(batches.get(database) ?? []), i])
  }
  const inOne = async ([database, indices]: [Database, number[]]) => {
    const answers = await database.batch(indices.flatMap((i) => statements[i] ?? []))
    for (const [n, i] of indices.entries()) results[i] = answers[n] ?? []
  }
  await Promise.all([...batches].map(inOne))
  for (const [i, place] of places.entries()) if (place.kind === 'plan') results[i] = await place.rows(shards)
  return results
}

function placed(statement: SQL): Place {
  const place = placeOf(statement)
  if (place === null) throw new Error('this statement does not say to which database it belongs')
  return place
}

const databaseOf = (place: Exclude<Place, { kind: 'plan' }>, shards: Shards): Database =>
  place.kind === 'directory' ? shards.directory : shards.of(place.owner)

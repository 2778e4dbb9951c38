/** One Database over several: each statement goes where it says that it belongs (placement.ts). */
import type { SQL } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { ownerOf, type ShardRange, shardOwners } from '#core/shard-map.ts'
import type { Database, Row } from './database.ts'
import { batchPlanOf, type Place, placeOf, type Shards } from './placement.ts'

export interface Shard {
  readonly database: Database
  readonly ranges: readonly ShardRange[]
}

/**
 * The first of them is the directory. A single one is answered as it is: nothing is routed, nothing costs more.
 * @throws RangeError when the ranges are not whole
 */
export function shardedDatabase(shards: readonly [Shard, ...Shard[]]): Database {
  const [first, ...others] = shards
  return others.length === 0 ? first.database : routed(shardsOf(shards))
}

/** The databases as plans see them. */
export function shardsOf(shards: readonly [Shard, ...Shard[]]): Shards {
  const owners = shardOwners(shards)
  const all = shards.map(({ database }) => database)
  const directory = shards[0].database
  const of = (owner: Id) => all[ownerOf(owners, owner)] ?? directory
  return {
    of,
    directory,
    all,
    group(ids) {
      const groups = new Map<Database, Id[]>()
      for (const id of ids) {
        const group = groups.get(of(id))
        if (group === undefined) groups.set(of(id), [id])
        else group.push(id)
      }
      return groups
    },
  }
}

function routed(shards: Shards): Database {
  const query = <T>(statement: SQL): Promise<T[]> => {
    const place = placed(statement)
    return place.kind === 'plan' ? (place.rows(shards) as Promise<T[]>) : databaseOf(place, shards).query<T>(statement)
  }
  return {
    query,
    async batch(statements) {
      const plan = batchPlanOf(statements)
      if (plan !== null) return plan(shards)
      const places = statements.map(placed)
      const [only, ...more] = new Set(places.map((place) => (place.kind === 'plan' ? null : databaseOf(place, shards))))
      if (only !== undefined && only !== null && more.length === 0) return only.batch(statements)
      if (!places.every(({ isRead }) => isRead)) {
        throw new Error('a transaction lies in one database: these writes belong to several')
      }
      return readSideBySide(statements, shards)
    },
  }
}

/**
 * Reads need no transaction in common: those of one database go there in one request. What takes several databases comes
 * after that, one by one: no database is asked two things at once, of which a breaker that tries again would refuse one.
 */
async function readSideBySide(statements: readonly SQL[], shards: Shards): Promise<Row[][]> {
  const results: Row[][] = statements.map(() => [])
  const batches = new Map<Database, number[]>()
  const planned: number[] = []
  statements.forEach((statement, i) => {
    const place = placed(statement)
    if (place.kind === 'plan') {
      planned.push(i)
      return
    }
    const database = databaseOf(place, shards)
    batches.set(database, [...(batches.get(database) ?? []), i])
  })
  const inOne = async ([database, indices]: [Database, number[]]) => {
    const answers = await database.batch(indices.flatMap((i) => statements[i] ?? []))
    for (const [n, i] of indices.entries()) results[i] = answers[n] ?? []
  }
  await Promise.all([...batches].map(inOne))
  for (const i of planned) results[i] = await routed(shards).query(statements[i]!)
  return results
}

function placed(statement: SQL): Place {
  const place = placeOf(statement)
  if (place === null) throw new Error('this statement does not say to which database it belongs')
  return place
}

const databaseOf = (place: Exclude<Place, { kind: 'plan' }>, shards: Shards): Database =>
  place.kind === 'directory' ? shards.directory : shards.of(place.owner)

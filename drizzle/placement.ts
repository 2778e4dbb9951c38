/**
 * Where statements belong when the rows lie in several databases. The functions of drizzle/queries say it of each statement
 * they make; a Database over one connection string never looks, and the one over several (sharded.ts) refuses a statement
 * that does not say it. So every caller keeps speaking to one Database, however many there are.
 */
import { type SQL, sql } from 'drizzle-orm'
import { compareIds, type Id } from '#core/ids.ts'
import type { Database, Row } from './database.ts'

/** The databases behind a router, as plans see them. */
export interface Shards {
  /** Where the rows of an owner lie; any id of the owner's will do, it carries the same logical shard. */
  of(owner: Id): Database
  /** The first: user names and addresses, sessions, and what the embedded engines keep. */
  readonly directory: Database
  /** Each once, the directory first, whatever it owns. */
  readonly all: readonly Database[]
  /** Those that own shards, each asserting that it still owns the same while a move is under way: for reads of everything. */
  readonly owning: readonly Database[]
  /** Ids by the database that holds them, each database once. */
  group(ids: readonly Id[]): Map<Database, Id[]>
}

export type Place =
  | { kind: 'owner'; owner: Id; isRead: boolean }
  | { kind: 'directory'; isRead: boolean }
  /** More than one database, or one after another: how the same rows come about there. */
  | { kind: 'plan'; isRead: boolean; rows(shards: Shards): Promise<Row[]> }

const PLACE = Symbol('where a statement belongs')
const BATCH_PLAN = Symbol('how a batch is done over several databases')

const placed = (statement: SQL, place: Place): SQL => Object.assign(statement, { [PLACE]: place })

/** Null: nobody has said where it belongs. */
export const placeOf = (statement: SQL): Place | null => (statement as { [PLACE]?: Place })[PLACE] ?? null

/** A write of one owner's rows. */
export const writes = (owner: Id, statement: SQL): SQL => placed(statement, { kind: 'owner', owner, isRead: false })

/** A read of one owner's rows. */
export const reads = (owner: Id, statement: SQL): SQL => placed(statement, { kind: 'owner', owner, isRead: true })

/** Rows that are in the first database whoever owns them. */
export const inDirectory = (statement: SQL, isRead = false): SQL => placed(statement, { kind: 'directory', isRead })

/** A read that one database answers in one statement, and several in steps. */
export const readsAcross = <T>(statement: SQL, rows: (shards: Shards) => Promise<T[]>): SQL =>
  placed(statement, { kind: 'plan', isRead: true, rows: rows as (shards: Shards) => Promise<Row[]> })

/** A write that is one statement in one database; over several it is written so that it bears a crash in between. */
export const writesAcross = <T>(statement: SQL, rows: (shards: Shards) => Promise<T[]>): SQL =>
  placed(statement, { kind: 'plan', isRead: false, rows: rows as (shards: Shards) => Promise<Row[]> })

/** Of a column with ids: whether this database owns them. Rows that are moving stand in two databases for a while. */
export type Owned = (column: string) => SQL

const ownedHere: Owned = (column) => sql`EXISTS (SELECT 1 FROM shard_owner o WHERE o.state IN ('open', 'closing')
  AND ((${sql.raw(column)} >> 10) & 8191) BETWEEN o.first_shard AND o.last_shard)`

/** A statement over rows that each database picks by itself: as one database runs it, and as each of several does. */
export const ownRows = (statement: (owned: Owned) => SQL): { alone: SQL; among: SQL } => ({
  alone: statement(() => sql`true`),
  among: statement(ownedHere),
})

/**
 * The same statement in every database, side by side. `merge` puts their rows together: one after the other by default.
 * Where it picks owners' rows it has to say `owned` of them, else what is moving is picked twice.
 */
export function everywhere<T = Row>(
  statement: SQL | ((owned: Owned) => SQL),
  { isRead = true, merge = (rows) => rows }: { isRead?: boolean; merge?: (rows: T[]) => T[] } = {},
): SQL {
  const isOwners = typeof statement === 'function'
  const { alone, among } = isOwners ? ownRows(statement) : { alone: statement, among: statement }
  const rows = async ({ all, owning }: Shards) => {
    const databases = isOwners && isRead ? owning : all
    const results = await Promise.all(databases.map((database) => database.query<T>(among)))
    return merge(results.flat()) as Row[]
  }
  return placed(alone, { kind: 'plan', isRead, rows })
}

/**
 * A write that takes work from every database. One that is away must not hold up what the others have: its failure is thrown
 * only when none of them had anything.
 */
export function taken<T = Row>(statement: (owned: Owned) => SQL): SQL {
  const { alone, among } = ownRows(statement)
  return writesAcross<T>(alone, async ({ all }) => {
    const outcomes = await Promise.allSettled(all.map((database) => database.query<T>(among)))
    const rows = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined && rows.length === 0) throw failed.reason
    return rows
  })
}

/** A statement over ids, in each database over those that it holds, side by side. */
export function scattered<T = Row>(
  ids: readonly Id[],
  statement: (ids: readonly Id[]) => SQL,
  { isRead = true, merge = (rows) => rows }: { isRead?: boolean; merge?: (rows: T[]) => T[] } = {},
): SQL {
  const rows = async (shards: Shards) => merge(await scatter<T>(shards, ids, statement)) as Row[]
  return placed(statement(ids), { kind: 'plan', isRead, rows })
}

/** For plans: the rows of a statement over ids, from each database that holds some of them. */
export async function scatter<T>(
  shards: Shards,
  ids: readonly Id[],
  statement: (ids: readonly Id[]) => SQL,
): Promise<T[]> {
  const groups = [...shards.group(ids)]
  const results = await Promise.all(groups.map(([database, own]) => database.query<T>(statement(own))))
  return results.flat()
}

/** Rows in the order of an id column, so many of them: what ORDER BY and LIMIT are over several databases. */
export function orderedBy<T>(column: keyof T, order: 'asc' | 'desc', limit: number): (rows: T[]) => T[] {
  const sign = order === 'asc' ? 1 : -1
  return (rows) => rows.sort((a, b) => sign * compareIds(String(a[column]), String(b[column]))).slice(0, limit)
}

/** Rows a page when a list is read in steps: few pages even where most of a list is hidden from the viewer. */
const ROWS_A_PAGE = 500

/**
 * A list whose rows are judged in other databases than they lie in, newest first below an id: pages of it until `limit` are
 * kept or the list is over.
 * @param read answers a page, in order, and what of it is kept
 */
export async function filled<T extends object>(
  before: Id | null,
  limit: number,
  column: string & keyof T,
  read: (below: Id | null, size: number) => Promise<{ page: readonly T[]; kept: readonly T[] }>,
): Promise<T[]> {
  const found: T[] = []
  let below = before
  for (let size = limit; found.length < limit; size = ROWS_A_PAGE) {
    const { page, kept } = await read(below, size)
    found.push(...kept)
    const last = page.at(-1)
    if (last === undefined || page.length < size) break
    below = String(last[column])
  }
  return found.slice(0, limit)
}

const MAY_LAG = Symbol('a replica may answer')

/**
 * Lets a replica answer a read, where there is one that is near enough. For what nobody relies on within two seconds: never
 * for what decides who may see or do something, what is kept in a cache, or how a write goes on.
 */
export function mayLag(statement: SQL): SQL {
  const place = placeOf(statement)
  if (place?.kind === 'plan') placed(statement, { ...place, rows: (shards) => place.rows(lagging(shards)) })
  return Object.assign(statement, { [MAY_LAG]: true })
}

export const isLagAllowed = (statement: SQL): boolean => MAY_LAG in statement

/** The same databases, of which every read may lag. */
function lagging(shards: Shards): Shards {
  const views = new Map<Database, Database>()
  const view = (database: Database) => {
    const known = views.get(database) ?? {
      query: (statement) => database.query(mayLag(statement)),
      batch: (statements) => database.batch(statements.map(mayLag)),
    }
    views.set(database, known)
    return known
  }
  return {
    of: (owner) => view(shards.of(owner)),
    directory: view(shards.directory),
    get all() {
      return shards.all.map(view)
    },
    get owning() {
      return shards.owning.map(view)
    },
    group: (ids) => new Map([...shards.group(ids)].map(([database, own]) => [view(database), own])),
  }
}

/** The statements of one transaction, and how several databases bring the same about. */
export const batchAcross = (statements: SQL[], results: (shards: Shards) => Promise<Row[][]>): SQL[] =>
  Object.assign(statements, { [BATCH_PLAN]: results })

/** The statements of one transaction on one owner's rows. */
export const batchIn = (owner: Id, statements: SQL[]): SQL[] =>
  batchAcross(statements, (shards) => shards.of(owner).batch(statements))

export const batchPlanOf = (statements: readonly SQL[]): ((shards: Shards) => Promise<Row[][]>) | null =>
  (statements as { [BATCH_PLAN]?: (shards: Shards) => Promise<Row[][]> })[BATCH_PLAN] ?? null

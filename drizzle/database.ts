/**
 * SQL as data: queries are functions that answer a statement; a port of two methods runs them. The Workers run them over
 * neon-http, the origin over node-postgres, so that every statement exists once.
 */
import type { SQL } from 'drizzle-orm'
import type { NeonHttpDatabase } from 'drizzle-orm/neon-http'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'

export type Row = Record<string, unknown>

export interface Database {
  /** Runs one statement and answers its rows. Bigints come as strings, JSON parsed, timestamps as text. */
  query<T = Row>(statement: SQL): Promise<T[]>
  /**
   * Runs the statements as one transaction: all of them or none. It cannot branch on a result: conditions go into SQL.
   * Answers the rows of each statement.
   */
  batch(statements: readonly SQL[]): Promise<Row[][]>
}

/** In a Worker: HTTP, one request a call. */
export function neonDatabase(db: NeonHttpDatabase): Database {
  return {
    query: async <T>(statement: SQL) => (await db.execute(statement)).rows as T[],
    async batch(statements) {
      const [first, ...rest] = statements.map((statement) => db.execute(statement))
      if (first === undefined) return []
      const results = await db.batch([first, ...rest])
      return results.map((result) => result.rows as Row[])
    },
  }
}

/** At the origin: a pool of connections. */
export function nodeDatabase(db: NodePgDatabase): Database {
  return {
    query: async <T>(statement: SQL) => (await db.execute(statement)).rows as T[],
    batch: (statements) =>
      db.transaction(async (transaction) => {
        const results: Row[][] = []
        for (const statement of statements) results.push((await transaction.execute(statement)).rows)
        return results
      }),
  }
}

/** The SQLSTATE of a database error, whichever driver threw it and however drizzle wrapped it. */
export function sqlState(error: unknown): string | null {
  for (let e = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string' && /^[0-9A-Z]{5}$/.test(e.code)) return e.code
  }
  return null
}

/** The constraint that a statement violated, if it did. */
export function violatedConstraint(error: unknown): string | null {
  for (let e = error; e instanceof Error; e = e.cause) {
    if ('constraint' in e && typeof e.constraint === 'string') return e.constraint
  }
  return null
}

export const UNIQUE_VIOLATION = '23505'

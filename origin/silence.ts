/**
 * A Postgres that takes what is sent and answers nothing (stopped, or behind a line that swallows) holds each caller for as long as
 * the slowest statement may take, and with it whatever waits for the caller: a roll of counts, a partition of the log. So what is
 * under way for longer than statements usually are makes somebody ask, on a connection of its own, whether the database answers at
 * all. If it does, the statement is only slow, and is waited for; if not, its callers hear at once that the database is away.
 */
import pg from 'pg'
import { type Database, sqlState } from '#drizzle/database.ts'

/** Milliseconds. */
export interface SilenceLimits {
  /** Statements of requests and events take far less. */
  readonly suspiciousMs: number
  /** Between two looks, while anything is suspicious. */
  readonly everyMs: number
  /** For a connection and its answer: a busy server opens one within tenths of a second. */
  readonly answerMs: number
}

export const SILENCE: SilenceLimits = Object.freeze({ suspiciousMs: 2_000, everyMs: 1_000, answerMs: 3_000 })

export interface SilenceNeeds {
  /** Whether the database answers anything now. */
  isAnswering(): Promise<boolean>
  /** What callers hear of a silent one: an error that `isAway` knows. What they sent may still be carried out, as after a broken line. */
  away(): Error
  limits?: Pick<SilenceLimits, 'suspiciousMs' | 'everyMs'>
  /** Milliseconds of a clock that only goes on. */
  now?: () => number
}

interface UnderWay {
  sinceMs: number
  abandon(error: Error): void
}

/** The database, whose callers do not wait for it while it is silent. */
export function unlessSilent(
  database: Database,
  { isAnswering, away, limits = SILENCE, now = () => performance.now() }: SilenceNeeds,
): Database {
  const underWay = new Set<UnderWay>()
  let timer: NodeJS.Timeout | null = null
  const lookIn = (ms: number) => {
    timer = setTimeout(() => void look(), ms).unref()
  }
  async function look(): Promise<void> {
    const since = now() - limits.suspiciousMs
    const suspicious = [...underWay].filter(({ sinceMs }) => sinceMs <= since)
    if (suspicious.length > 0 && !(await isAnswering())) for (const one of suspicious) one.abandon(away())
    if (underWay.size > 0) lookIn(limits.everyMs)
    else timer = null
  }
  async function watched<T>(call: () => Promise<T>): Promise<T> {
    const { promise: abandoned, reject } = Promise.withResolvers<never>()
    const one = { sinceMs: now(), abandon: reject }
    underWay.add(one)
    if (timer === null) lookIn(limits.suspiciousMs)
    try {
      return await Promise.race([call(), abandoned])
    } finally {
      underWay.delete(one)
    }
  }
  return {
    query: (statement) => watched(() => database.query(statement)),
    batch: (statements) => watched(() => database.batch(statements)),
  }
}

/** Asks a Postgres, on a connection of its own, whether it answers: an error that it tells of is an answer, too. */
export async function answersWithin(connectionString: string, ms: number): Promise<boolean> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: ms, query_timeout: ms })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch (error) {
    return sqlState(error) !== null
  } finally {
    // A silent one answers no farewell either.
    void client.end().catch(() => {})
  }
}

/**
 * A Postgres that takes what is sent and answers nothing (stopped, or behind a line that swallows) holds each caller for as long as
 * the slowest statement may take, and with it whatever waits for the caller: a roll of counts, a partition of the log. So what is
 * under way for longer than statements usually are makes somebody ask, on a connection of its own, whether the database answers at
 * all. If it does, the statement is only slow, and is waited for; if it does not, twice in a row, its callers hear at once that the
 * database is away. An answer that this process itself came too late to read says nothing of the database.
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

/** `unknown`: this process was late itself, and an answer may lie unread. */
export type Look = 'answers' | 'silent' | 'unknown'

/** Without an answer between them: one alone is bad luck, such as a full backlog. */
const SILENT_LOOKS = 2

export interface SilenceNeeds {
  /** Asks the database whether it answers anything now. */
  look(): Promise<Look>
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
  { look, away, limits = SILENCE, now = () => performance.now() }: SilenceNeeds,
): Database {
  const underWay = new Set<UnderWay>()
  let timer: NodeJS.Timeout | null = null
  let silentLooks = 0
  const lookIn = (ms: number) => {
    timer = setTimeout(() => void lookAfter(), ms).unref()
  }
  async function lookAfter(): Promise<void> {
    const since = now() - limits.suspiciousMs
    const suspicious = [...underWay].filter(({ sinceMs }) => sinceMs <= since)
    const seen = suspicious.length > 0 ? await look() : 'answers'
    if (seen !== 'unknown') silentLooks = seen === 'silent' ? silentLooks + 1 : 0
    if (silentLooks >= SILENT_LOOKS) for (const one of suspicious) one.abandon(away())
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

/** By how many milliseconds a time-out may come late before the answer may lie unread: timers run before sockets are read. */
const LATE_MS = 250

/**
 * Asks a Postgres, on a connection of its own, whether it answers: an error that it tells of is an answer, too.
 * @param ms for the connection, and for the answer
 */
export async function lookAtPostgres(connectionString: string, ms: number): Promise<Look> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: ms, query_timeout: ms })
  client.on('error', () => {})
  let sinceMs = performance.now()
  try {
    await client.connect()
    sinceMs = performance.now()
    await client.query('SELECT 1')
    return 'answers'
  } catch (error) {
    if (sqlState(error) !== null) return 'answers'
    return performance.now() - sinceMs > ms + LATE_MS ? 'unknown' : 'silent'
  } finally {
    // A silent one answers no farewell either.
    void client.end().catch(() => {})
  }
}

import { z } from 'zod'
import { Problem } from '#core/problem.ts'
import { sqlState } from '#drizzle/database.ts'
import { Unprocessable } from '../event-log.ts'
import { sentenceOf } from '../observe/sentence.ts'

export type Outcome = { outcome: 'done' } | { outcome: 'retry' | 'dead'; reason: string }

/** Statuses that say "not now" although the fault is called the client's: timeout, conflict, too early, too many. */
const TRANSIENT = new Set([408, 409, 425, 429])

/** Whether a failed message deserves another try. When in doubt it does: a dead letter needs a person. */
export function judge(error: unknown): Outcome {
  const reason = reasonOf(error)
  if (error instanceof Unprocessable || error instanceof z.ZodError) return { outcome: 'dead', reason }
  if (error instanceof Problem && error.status < 500 && !TRANSIENT.has(error.status)) return { outcome: 'dead', reason }
  // SQLSTATE class 22: the data cannot be stored, for example a NUL in JSON.
  if (sqlState(error)?.startsWith('22')) return { outcome: 'dead', reason }
  return { outcome: 'retry', reason }
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const issues = error.issues.map(({ path, message }) => `${path.join('.') || 'message'}: ${message}`)
    return `not a message we know: ${issues.join('; ')}`.slice(0, 500)
  }
  if (error instanceof Problem) return `${error.code}: ${error.message}`.slice(0, 500)
  return (error instanceof Error ? `${error.name}: ${sentenceOf(error)}` : String(error)).slice(0, 500)
}

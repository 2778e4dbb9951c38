import { DatabaseError } from 'pg'

/** A request the gateway itself turns down. */
export class GatewayError extends Error {
  override name = 'GatewayError'
  readonly status: number
  /** SQLSTATE, where one fits. */
  readonly code: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(status: number, message: string, options: { code?: string; retryAfterSeconds?: number } = {}) {
    super(message)
    this.status = status
    this.code = options.code
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** The fields of a Postgres error, in the names of the SDK's NeonDbError. */
const FIELDS = [
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'severity',
  'where',
  'table',
  'column',
  'schema',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
] as const

/** What an error is to an HTTP client. */
export interface ErrorAnswer {
  status: number
  body: Record<string, string | null>
  retryAfterSeconds?: number | undefined
}

/**
 * Translates an error: Postgres' own become 400 with all their fields, which the SDK throws as NeonDbError; everything
 * else keeps its status and says no more than the client may know. Undefined: an error nobody foresaw.
 */
export function errorAnswer(error: unknown): ErrorAnswer | undefined {
  if (error instanceof DatabaseError) {
    const fields = FIELDS.map((name) => [name, error[name] ?? null] as const)
    return { status: 400, body: { message: error.message, ...Object.fromEntries(fields) } }
  }
  if (error instanceof GatewayError) {
    const { status, message, code, retryAfterSeconds } = error
    return { status, body: { message, code: code ?? null }, retryAfterSeconds }
  }
  return undefined
}

import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from './errors.ts'

/** One statement, its parameters in Postgres' text form. */
export interface Statement {
  text: string
  values: (string | null)[]
  /** Rows as arrays, not objects. */
  arrayMode: boolean
}

export interface SqlRequest {
  statements: Statement[]
  /** BEGIN with the batch's options; absent for a single query, which is its own transaction. */
  begin?: string
  /** Every value as Postgres prints it. */
  rawText: boolean
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

const ISOLATION_LEVELS: ReadonlyMap<string, string> = new Map([
  ['ReadUncommitted', 'READ UNCOMMITTED'],
  ['ReadCommitted', 'READ COMMITTED'],
  ['RepeatableRead', 'REPEATABLE READ'],
  ['Serializable', 'SERIALIZABLE'],
])

/** A number with more digits than a double keeps. */
const LONG_NUMBER = /[:,[]\s*-?[\d.]{16,}/

/**
 * Reads the body and the Neon-* headers of a `POST /sql`.
 * @throws {GatewayError} 400 with what is wrong
 */
export function parseSqlRequest(headers: IncomingHttpHeaders, body: Buffer, batchQueries: number): SqlRequest {
  const arrayMode = headers['neon-array-mode'] === 'true'
  const rawText = headers['neon-raw-text-output'] === 'true'
  const parsed = parseJson(body)
  if (!isObject(parsed)) throw new GatewayError(400, 'the request body must be a JSON object')
  if (!('queries' in parsed)) return { statements: [statement(parsed, arrayMode)], rawText }
  const { queries } = parsed
  if (!Array.isArray(queries)) throw new GatewayError(400, 'queries must be an array')
  if (queries.length > batchQueries) throw new GatewayError(400, `a batch has at most ${batchQueries} queries`)
  return { statements: queries.map((query) => statement(query, arrayMode)), begin: beginStatement(headers), rawText }
}

function beginStatement(headers: IncomingHttpHeaders): string {
  const isolation = headers['neon-batch-isolation-level']
  let begin = 'BEGIN'
  if (isolation !== undefined) {
    const level = typeof isolation === 'string' ? ISOLATION_LEVELS.get(isolation) : undefined
    if (level === undefined) throw new GatewayError(400, `invalid isolation level: ${String(isolation)}`)
    begin += ` ISOLATION LEVEL ${level}`
  }
  if (flag(headers, 'neon-batch-read-only')) begin += ' READ ONLY'
  if (flag(headers, 'neon-batch-deferrable')) begin += ' DEFERRABLE'
  return begin
}

function flag(headers: IncomingHttpHeaders, name: string): boolean {
  const value = headers[name]
  if (value !== undefined && value !== 'true' && value !== 'false') {
    throw new GatewayError(400, `${name} must be true or false`)
  }
  return value === 'true'
}

function statement(query: Json, arrayMode: boolean): Statement {
  if (!isObject(query) || typeof query.query !== 'string') throw new GatewayError(400, 'query must be a string')
  // A zero byte would end the text inside the wire message and put what follows at the client's disposal.
  if (query.query.includes('\0')) throw new GatewayError(400, 'query must not contain a zero byte', { code: '22021' })
  const params = query.params ?? []
  if (!Array.isArray(params)) throw new GatewayError(400, 'params must be an array')
  if (params.length > 65_535) throw new GatewayError(400, 'a query has at most 65535 params', { code: '08P01' })
  const own = query.arrayMode
  return { text: query.query, values: params.map(toText), arrayMode: typeof own === 'boolean' ? own : arrayMode }
}

function parseJson(body: Buffer): Json {
  try {
    const text = body.toString('utf8')
    if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Json
    // Numbers beyond 2^53 arrive exactly when their digits are taken instead of their value.
    return JSON.parse(text, (_key, value: Json, context?: { source?: string }) =>
      typeof value === 'number' && !Number.isSafeInteger(value) ? (context?.source ?? value) : value,
    ) as Json
  } catch {
    throw new GatewayError(400, 'the request body is not JSON')
  }
}

/** A parameter in Postgres' text form: arrays as array literals, objects as JSON. */
function toText(param: Json): string | null {
  if (param === null || typeof param === 'string') return param
  if (Array.isArray(param)) return arrayLiteral(param)
  return typeof param === 'object' ? JSON.stringify(param) : String(param)
}

function arrayLiteral(items: Json[]): string {
  const elements = items.map((item) => {
    if (item === null) return 'NULL'
    if (Array.isArray(item)) return arrayLiteral(item)
    if (typeof item === 'number' || typeof item === 'boolean') return String(item)
    return quoteElement(typeof item === 'string' ? item : JSON.stringify(item))
  })
  return `{${elements.join(',')}}`
}

function quoteElement(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

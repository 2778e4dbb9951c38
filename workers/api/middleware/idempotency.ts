/** Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): one key of one person, one effect, one answer. */
import type { Id } from '#core/ids.ts'
import { keys, TTL } from '#core/keys.ts'
import { Problem, problems } from '#core/problem.ts'
import {
  findIdempotent,
  type IdempotencyRow,
  IN_FLIGHT,
  type KeyedRequest,
  releaseIdempotent,
  reserveIdempotent,
  settleIdempotent,
} from '#drizzle/queries/idempotency.ts'
import type { AppContext } from '../context.ts'
import { logFault } from '../data/after-commit.ts'
import { DatabaseAwayError } from '../data/postgres.ts'
import type { Services } from '../services.ts'

export interface Answer {
  status: number
  body: unknown
}

const encoder = new TextEncoder()

/** The key of this request with the hash of what it asks, or null without one. */
export async function keyedRequest(c: AppContext, userId: Id): Promise<KeyedRequest | null> {
  const key = c.req.raw.headers.get('idempotency-key')
  if (key === null) return null
  return { userId, key, requestHash: await sha256Hex(`${c.req.method} ${c.req.path}\n${await c.req.text()}`) }
}

/** SHA-256 of a text's UTF-8, as 64 digits of hex. */
export async function sha256Hex(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** @throws Problem 422 when the key was used for another request */
export function checkSameRequest(request: KeyedRequest, storedHash: string): void {
  if (storedHash === request.requestHash) return
  throw problems.unprocessable('idempotency-key-reused', 'This Idempotency-Key was used for another request.')
}

/** What was answered under this key, if it was; null for a new key. @throws Problem 422 */
export async function answeredBefore(services: Services, request: KeyedRequest): Promise<IdempotencyRow | null> {
  const [row] = await services.db.query<IdempotencyRow>(findIdempotent(request))
  if (row === undefined) return null
  checkSameRequest(request, row.request_hash)
  return row
}

/**
 * An effect outside Postgres under a key: the ids it needs are reserved first, so that whoever repeats it (after a crash,
 * or at the same time) repeats the very same effect.
 * @param fresh makes what has to be reserved
 * @param run makes the effect; must be repeatable with equal `reserved`
 */
export async function once<R>(
  c: AppContext,
  userId: Id,
  fresh: () => R,
  run: (reserved: R) => Promise<Answer>,
): Promise<Answer> {
  const request = await keyedRequest(c, userId)
  if (request === null) return run(fresh())
  const services = c.get('services')
  let reserved: R
  try {
    // What was promised under this key while Postgres was away still holds.
    const mine = (await reservedInRedis<R>(services, request)) ?? fresh()
    const taken = (await services.db.query(reserveIdempotent(request, mine))).length > 0
    if (taken) reserved = mine
    else {
      const row = await answeredBefore(services, request)
      if (row !== null && row.status !== IN_FLIGHT) return replayed(c, row)
      reserved = row === null ? mine : (row.response as R)
    }
  } catch (error) {
    if (!(error instanceof DatabaseAwayError)) throw error
    return run(await reserveInRedis(services, request, fresh()))
  }
  try {
    const answer = await run(reserved)
    return await settle(c, request, answer)
  } catch (error) {
    if (error instanceof Problem) await services.db.query(releaseIdempotent(request)).catch(() => [])
    throw error
  }
}

function replayed(c: AppContext, row: IdempotencyRow): Answer {
  c.header('idempotency-replayed', 'true')
  return { status: row.status, body: row.response }
}

/** Keeps the answer; the loser of a race answers as the winner did. A key that cannot be kept does not undo the effect. */
async function settle(c: AppContext, request: KeyedRequest, answer: Answer): Promise<Answer> {
  const services = c.get('services')
  try {
    const kept = await services.db.query(settleIdempotent(request, answer.status, answer.body))
    const row = kept.length > 0 ? null : await answeredBefore(services, request)
    return row === null || row.status === IN_FLIGHT ? answer : replayed(c, row)
  } catch (error) {
    logFault(c, 'idempotency-settle', error)
    return answer
  }
}

interface Reservation<R> {
  hash: string
  reserved: R
}

/** What was reserved under this key in an outage, if anything. @throws Problem 422 for another request */
async function reservedInRedis<R>({ redis }: Services, request: KeyedRequest): Promise<R | null> {
  const [stored] = await redis.pipeline([['GET', keys.idempotency(request.userId, request.key)]]).catch(() => [null])
  return typeof stored === 'string' ? checkedReservation<R>(request, stored) : null
}

function checkedReservation<R>(request: KeyedRequest, stored: string): R {
  const { hash, reserved } = JSON.parse(stored) as Reservation<R>
  checkSameRequest(request, hash)
  return reserved
}

/**
 * With Postgres away: the first to set idem:{u}:<key> decides (correctness 19). With Redis away too nobody can tell, and
 * the effect is kept under the ids made here.
 * @throws Problem 422 when the key was used for another request
 */
export async function reserveInRedis<R>({ redis }: Services, request: KeyedRequest, mine: R): Promise<R> {
  const key = keys.idempotency(request.userId, request.key)
  const value = JSON.stringify({ hash: request.requestHash, reserved: mine })
  const replies = await redis
    .pipeline([
      ['SET', key, value, 'NX', 'EX', TTL.idempotency],
      ['GET', key],
    ])
    .catch(() => [null, null])
  return typeof replies[1] === 'string' ? checkedReservation<R>(request, replies[1]) : mine
}

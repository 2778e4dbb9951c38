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
  reserveInstead,
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
function checkSameRequest(request: KeyedRequest, storedHash: string): void {
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

/** The key under which an effect is made. */
export interface HeldKey {
  request: KeyedRequest
  /**
   * False while Postgres is away: another try may have reserved other ids under the key. An effect that would double by
   * that is left to the queue, whose drain asks Postgres.
   */
  isDecided: boolean
}

/** Ids collide once in a blue moon; three in a row are a fault. */
const ID_TRIES = 3

const isIdTaken = (error: unknown) => error instanceof Problem && error.code === 'id-taken'

/** Refused for what was asked: nothing happened. After a 5xx, or no answer at all, something may have. */
const isRefusal = (error: unknown) => error instanceof Problem && error.status < 500

/**
 * An effect outside Postgres under a key: the ids it needs are reserved first, so that whoever repeats it (after a crash,
 * after an answer that was lost, or at the same time) repeats the very same effect.
 * @param fresh makes what has to be reserved; asked again when `run` answers that an id is taken (409 id-taken)
 * @param run makes the effect; must be repeatable with equal `reserved`
 */
export async function once<R>(
  c: AppContext,
  userId: Id,
  fresh: () => R,
  run: (reserved: R, key: HeldKey | null) => Promise<Answer>,
): Promise<Answer> {
  const request = await keyedRequest(c, userId)
  const services = c.get('services')
  let held: Held<R> = request === null ? unkeyed(fresh()) : await reserve(services, request, fresh())
  for (let attempt = 1; ; attempt++) {
    if (held.answered !== null) return replayed(c, held.answered)
    try {
      const answer = await run(held.reserved, request && { request, isDecided: held.inPostgres })
      return request !== null && held.inPostgres ? await settle(c, request, answer) : answer
    } catch (error) {
      if (isIdTaken(error) && attempt < ID_TRIES && (request === null || held.inPostgres)) {
        held = request === null ? unkeyed(fresh()) : await reserveAnew(services, request, held, fresh())
        continue
      }
      if (request !== null && held.isFirst && isRefusal(error)) await release(services, request, held.inPostgres)
      throw error
    }
  }
}

interface Held<R> {
  reserved: R
  /** This try took the key. Only then does its refusal mean that nothing ever happened under the key. */
  isFirst: boolean
  /** False while Postgres is away: then Redis alone holds the key. */
  inPostgres: boolean
  /** What was answered under the key before. */
  answered: IdempotencyRow | null
}

const unkeyed = <R>(reserved: R): Held<R> => ({ reserved, isFirst: true, inPostgres: false, answered: null })

/**
 * In Redis and in Postgres, so that a retry finds the same ids whichever of them is away by then. Ids hold the instant
 * at which they were made, so they cannot be derived from the key; where a try met one store only, and its retry the
 * other only, two ids stand for one key until the queue is drained: there Postgres decides.
 * @throws Problem 422 when the key was used for another request
 */
async function reserve<R>(services: Services, request: KeyedRequest, mine: R): Promise<Held<R>> {
  const claim = await claimInRedis(services, request, mine)
  try {
    const taken = (await services.db.query(reserveIdempotent(request, claim.reserved))).length > 0
    if (taken) return { ...claim, inPostgres: true, answered: null }
    return await heldInPostgres(services, request, claim.reserved)
  } catch (error) {
    if (error instanceof DatabaseAwayError) return { ...claim, inPostgres: false, answered: null }
    if (claim.isFirst) await forgetInRedis(services, request)
    throw error
  }
}

/** What an earlier or simultaneous try reserved or answered; Postgres is right where Redis differs. */
async function heldInPostgres<R>(services: Services, request: KeyedRequest, inRedis: R): Promise<Held<R>> {
  const row = await answeredBefore(services, request)
  const answered = row === null || row.status === IN_FLIGHT ? null : row
  const reserved = row === null || answered !== null ? inRedis : (row.response as R)
  if (reserved !== inRedis) await keepInRedis(services, request, reserved)
  return { reserved, isFirst: false, inPostgres: true, answered }
}

/** With other ids, since one of these is somebody else's. Of tries at the same time one decides for all. */
async function reserveAnew<R>(services: Services, request: KeyedRequest, held: Held<R>, mine: R): Promise<Held<R>> {
  const replaced = (await services.db.query(reserveInstead(request, held.reserved, mine))).length > 0
  if (!replaced) return heldInPostgres(services, request, held.reserved)
  await keepInRedis(services, request, mine)
  return { ...held, reserved: mine }
}

/** The key is free again. What cannot be freed now only keeps its ids, or its answer 422 to another request. */
async function release(services: Services, request: KeyedRequest, inPostgres: boolean): Promise<void> {
  if (inPostgres) await services.db.query(releaseIdempotent(request)).catch(() => [])
  await forgetInRedis(services, request)
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

const reservationText = <R>(request: KeyedRequest, reserved: R) => {
  const reservation: Reservation<R> = { hash: request.requestHash, reserved }
  return JSON.stringify(reservation)
}

/**
 * The first to set idem:{u}:<key> decides (correctness 19). With Redis away nobody can tell, and what was made here holds.
 * @throws Problem 422 when the key was used for another request
 */
async function claimInRedis<R>({ redis }: Services, request: KeyedRequest, mine: R) {
  const key = keys.idempotency(request.userId, request.key)
  const [set, stored] = await redis
    .pipeline([
      ['SET', key, reservationText(request, mine), 'NX', 'EX', TTL.idempotency],
      ['GET', key],
    ])
    .catch(() => ['OK', null])
  if (set !== null || typeof stored !== 'string') return { reserved: mine, isFirst: true }
  const { hash, reserved } = JSON.parse(stored) as Reservation<R>
  checkSameRequest(request, hash)
  return { reserved, isFirst: false }
}

/**
 * With Postgres away: what is reserved under this key, now or before.
 * @throws Problem 422 when the key was used for another request
 */
export async function reserveInRedis<R>(services: Services, request: KeyedRequest, mine: R): Promise<R> {
  return (await claimInRedis(services, request, mine)).reserved
}

async function keepInRedis<R>({ redis }: Services, request: KeyedRequest, reserved: R): Promise<void> {
  const key = keys.idempotency(request.userId, request.key)
  await redis.pipeline([['SET', key, reservationText(request, reserved), 'EX', TTL.idempotency]]).catch(() => [])
}

async function forgetInRedis({ redis }: Services, request: KeyedRequest): Promise<void> {
  await redis.pipeline([['DEL', keys.idempotency(request.userId, request.key)]]).catch(() => [])
}

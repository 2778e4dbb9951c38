/** Idempotency keys: unique per person and key, written with the effect, kept for a day. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { reads, writes } from '../placement.ts'

/** The unique constraint that the loser of a race runs into. */
export const IDEMPOTENCY_CONSTRAINT = 'idempotency_keys_user_id_key_pk'

/** A key whose effect is still being made: the response holds what it will be made with. */
export const IN_FLIGHT = 0

export interface KeyedRequest {
  userId: Id
  key: string
  /** SHA-256 of method, path and body, hex. */
  requestHash: string
}

export interface IdempotencyRow {
  request_hash: string
  status: number
  response: unknown
}

/**
 * What a key is too old for. A write that comes late, from a queue, is judged by the instant at which it was accepted:
 * by its own, the first use of its key is still there.
 */
const dayBefore = (atMs: number | undefined) =>
  atMs === undefined
    ? sql`now() - interval '24 hours'`
    : sql`to_timestamp(${atMs}::double precision / 1000) - interval '24 hours'`

/** What was answered under a key. One row of `IdempotencyRow`, none when the key is new or a day old. */
export function findIdempotent({ userId, key }: Pick<KeyedRequest, 'userId' | 'key'>, atMs?: number): SQL {
  return reads(
    userId,
    sql`SELECT request_hash, status, response FROM idempotency_keys
    WHERE user_id = ${userId}::bigint AND key = ${key} AND created_at > ${dayBefore(atMs)}`,
  )
}

/** Forgets a key that is older than a day, so that it can be used again: goes before the insert, in the same batch. */
export function forgetExpired({ userId, key }: Pick<KeyedRequest, 'userId' | 'key'>, atMs?: number): SQL {
  return writes(
    userId,
    sql`DELETE FROM idempotency_keys
    WHERE user_id = ${userId}::bigint AND key = ${key} AND created_at <= ${dayBefore(atMs)}`,
  )
}

/**
 * Keeps an answer under its key, in the batch of the effect.
 * @param response a jsonb expression, one row of `from`; no row, no key
 * @throws unique violation of IDEMPOTENCY_CONSTRAINT: somebody else was first, read and replay
 */
export function rememberFrom(request: KeyedRequest, status: number, response: SQL, from: SQL): SQL {
  const { userId, key, requestHash } = request
  return writes(
    userId,
    sql`INSERT INTO idempotency_keys (user_id, key, request_hash, status, response)
    SELECT ${userId}::bigint, ${key}, ${requestHash}, ${status}::int, ${response} FROM ${from}`,
  )
}

/**
 * Takes a key for an effect outside Postgres, with what the effect needs to be repeatable (ids). A row `{ key }` when
 * the key was free, none when it was not.
 */
export function reserveIdempotent(request: KeyedRequest, reserved: unknown, atMs?: number): SQL {
  const { userId, key, requestHash } = request
  return writes(
    userId,
    sql`INSERT INTO idempotency_keys (user_id, key, request_hash, status, response)
    VALUES (${userId}::bigint, ${key}, ${requestHash}, ${IN_FLIGHT}::int, ${JSON.stringify(reserved)}::jsonb)
    ON CONFLICT (user_id, key) DO UPDATE
      SET request_hash = EXCLUDED.request_hash, status = EXCLUDED.status, response = EXCLUDED.response, created_at = now()
      WHERE idempotency_keys.created_at <= ${dayBefore(atMs)}
    RETURNING key`,
  )
}

/** Replaces what a key was reserved with (an id that is somebody else's). A row `{ key }`, none when it holds something else by now. */
export function reserveInstead({ userId, key }: KeyedRequest, former: unknown, reserved: unknown): SQL {
  return writes(
    userId,
    sql`UPDATE idempotency_keys SET response = ${JSON.stringify(reserved)}::jsonb
    WHERE user_id = ${userId}::bigint AND key = ${key} AND status = ${IN_FLIGHT}::int
      AND response = ${JSON.stringify(former)}::jsonb RETURNING key`,
  )
}

/** Replaces a reservation by the answer. A row `{ key }`, none when another try has answered already. */
export function settleIdempotent({ userId, key }: KeyedRequest, status: number, response: unknown): SQL {
  return writes(
    userId,
    sql`UPDATE idempotency_keys SET status = ${status}::int, response = ${JSON.stringify(response)}::jsonb
    WHERE user_id = ${userId}::bigint AND key = ${key} AND status = ${IN_FLIGHT}::int RETURNING key`,
  )
}

/** Gives a reservation up: the effect was refused, the key is free again. */
export function releaseIdempotent({ userId, key }: KeyedRequest): SQL {
  return writes(
    userId,
    sql`DELETE FROM idempotency_keys
    WHERE user_id = ${userId}::bigint AND key = ${key} AND status = ${IN_FLIGHT}::int`,
  )
}

/** A row that the edge makes under an id of its own, with the client's key, in one batch. */
import type { SQL } from 'drizzle-orm'
import { type Id, idShard } from '#core/ids.ts'
import { sqlState, UNIQUE_VIOLATION, violatedConstraint } from '#drizzle/database.ts'
import { forgetExpired, IDEMPOTENCY_CONSTRAINT, type KeyedRequest } from '#drizzle/queries/idempotency.ts'
import type { AppContext } from '../context.ts'
import { answeredBefore } from '../middleware/idempotency.ts'

/** Ids collide once in a blue moon; three in a row are a fault. */
const ID_TRIES = 3

export interface NewRow {
  owner: Id
  /** Null: without a key. */
  request: KeyedRequest | null
  /** Makes the row under an id, and answers it. */
  insert(id: Id): SQL
  /** Keeps under the key what `insert` answered. */
  remember(request: KeyedRequest, id: Id): SQL
}

/** What was made now, or what was answered under this key before; neither where the statement made nothing. */
export type Committed<Row, Kept> = { made: Row } | { former: Kept } | null

/**
 * Commits a row under a new id, and under another one where that is taken. Of two requests under one key the second finds the
 * first one's answer.
 * @throws Problem 422 when the key was used for another request
 */
export async function commitUnderKey<Row, Kept>(c: AppContext, row: NewRow): Promise<Committed<Row, Kept>> {
  const { db, ids } = c.get('services')
  const { owner, request } = row
  for (let attempt = 1; ; attempt++) {
    const id = ids.next(idShard(owner))
    const insert = row.insert(id)
    try {
      const batch = request === null ? [insert] : [forgetExpired(request), insert, row.remember(request, id)]
      const results = await db.batch(batch)
      const made = results[batch.indexOf(insert)]?.[0] as Row | undefined
      return made === undefined ? await replayed<Kept>(c, request) : { made }
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error
      const former = violatedConstraint(error) === IDEMPOTENCY_CONSTRAINT ? await replayed<Kept>(c, request) : null
      if (former !== null) return former
      if (attempt === ID_TRIES) throw error
    }
  }
}

async function replayed<Kept>(c: AppContext, request: KeyedRequest | null): Promise<{ former: Kept } | null> {
  const row = request === null ? null : await answeredBefore(c.get('services'), request)
  if (row === null) return null
  c.header('idempotency-replayed', 'true')
  return { former: row.response as Kept }
}

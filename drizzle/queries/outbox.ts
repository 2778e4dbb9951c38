/** The outbox: what is committed and may not be published yet (correctness: the outbox is swept by age, never by id). */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import { everywhere, inDirectory, readsAcross } from '../placement.ts'

/** Puts events into the outbox; belongs into the batch of their effect. A repetition leaves the first row. */
export function insertOutbox(events: readonly TidelineEvent[]): SQL {
  return sql`INSERT INTO outbox (event_id, type, body)
    SELECT e.body ->> 'id', e.body ->> 'type', e.body
    FROM jsonb_array_elements(${JSON.stringify(events)}::jsonb) AS e (body)
    ON CONFLICT (event_id) DO NOTHING`
}

/** Marks events as published; only after the log has acknowledged them. An id does not say in which database its row is. */
export function markPublished(eventIds: readonly string[]): SQL {
  return writeEverywhere(sql`UPDATE outbox SET published_at = now() WHERE published_at IS NULL
    AND event_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(eventIds)}::jsonb))`)
}

/**
 * Claims up to `limit` unpublished rows of each database that are older than `olderThanMs`, oldest first, for `claimMs`. The claim, not a
 * lock, keeps a second sweeper away: no transaction stays open while the log is spoken to, and a sweeper that dies gives
 * its rows back when the claim ends.
 */
export function claimUnpublished(olderThanMs: number, claimMs: number, limit: number): SQL {
  return writeEverywhere(sql`WITH late AS (
      SELECT event_id FROM outbox
      WHERE published_at IS NULL AND created_at < clock_timestamp() - ${olderThanMs}::int * interval '1 millisecond'
        AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
      ORDER BY created_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox o SET claimed_until = clock_timestamp() + ${claimMs}::int * interval '1 millisecond'
    FROM late WHERE o.event_id = late.event_id
    RETURNING o.event_id, o.body, o.created_at`)
}

/** Deletes up to `limit` rows of each database, published more than `olderThanMs` ago. */
export function deletePublished(olderThanMs: number, limit: number): SQL {
  return writeEverywhere(sql`DELETE FROM outbox WHERE event_id IN (
      SELECT event_id FROM outbox
      WHERE published_at < clock_timestamp() - ${olderThanMs}::bigint * interval '1 millisecond' LIMIT ${limit})
    RETURNING 1 AS deleted`)
}

/** Deletes up to `limit` idempotency keys of each database, made more than `olderThanMs` ago. */
export function deleteIdempotencyKeys(olderThanMs: number, limit: number): SQL {
  return writeEverywhere(sql`DELETE FROM idempotency_keys WHERE (user_id, key) IN (
      SELECT user_id, key FROM idempotency_keys
      WHERE created_at < clock_timestamp() - ${olderThanMs}::bigint * interval '1 millisecond' LIMIT ${limit})
    RETURNING 1 AS deleted`)
}

/** Deletes up to `limit` ids of comments, promised more than `olderThanMs` ago, that lead to others. */
export function deleteCommentAliases(olderThanMs: number, limit: number): SQL {
  return inDirectory(sql`DELETE FROM comment_aliases WHERE (post_id, alias_id, user_id) IN (
      SELECT post_id, alias_id, user_id FROM comment_aliases
      WHERE created_at < clock_timestamp() - ${olderThanMs}::bigint * interval '1 millisecond' LIMIT ${limit})
    RETURNING 1 AS deleted`)
}

/** Gives deleted rows' space back for use, on an engine without autovacuum. Not in a transaction. */
export const vacuumOutbox = (): SQL[] => [
  sql`VACUUM (ANALYZE) outbox`,
  sql`VACUUM (ANALYZE) idempotency_keys`,
  sql`VACUUM (ANALYZE) comment_aliases`,
]

/**
 * Events committed since an instant, published or not, in the order of their ids within a page: what is published again
 * after Redis has lost writes. Rows `{ event_id, body }` with event_id > `after`.
 */
export function committedSince(sinceMs: number, after: string, limit: number): SQL {
  const page = (order: SQL) => sql`SELECT event_id, body FROM outbox
     WHERE created_at >= to_timestamp(${sinceMs}::double precision / 1000) AND event_id > ${after} ${order}
     ORDER BY event_id ${order} LIMIT ${limit}::int`
  // Pages of several databases are put together here, so they have to agree with us on the order of texts.
  return readsAcross<CommittedRow>(page(sql``), async ({ all }) => {
    const rows = (await Promise.all(all.map((one) => one.query<CommittedRow>(page(sql`COLLATE "C"`))))).flat()
    return rows.sort((a, b) => (a.event_id < b.event_id ? -1 : 1)).slice(0, limit)
  })
}

export interface CommittedRow {
  event_id: string
  body: unknown
}

const writeEverywhere = (statement: SQL) => everywhere(statement, { isRead: false })

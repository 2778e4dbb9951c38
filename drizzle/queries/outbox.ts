/** The outbox: what is committed and may not be published yet (correctness: the outbox is swept by age, never by id). */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Row } from '../database.ts'
import { inDirectory, writesAcross } from '../placement.ts'

/** Puts events into the outbox; belongs into the batch of their effect. A repetition leaves the first row. */
export function insertOutbox(events: readonly TidelineEvent[]): SQL {
  return sql`INSERT INTO outbox (event_id, type, body)
    SELECT e.body ->> 'id', e.body ->> 'type', e.body
    FROM jsonb_array_elements(${JSON.stringify(events)}::jsonb) AS e (body)
    ON CONFLICT (event_id) DO NOTHING`
}

/**
 * Marks events as published; only after the log has acknowledged them. A row lies where its event's key belongs: one that a
 * move of shards left behind is not met here, and is published once more by the sweeper.
 */
export function markPublished(events: readonly { id: string; key: Id }[]): SQL {
  return writesAcross(markPublishedHere(events.map(({ id }) => id)), async (shards) => {
    const places = shards.group([...new Set(events.map(({ key }) => key))])
    const rows = [...places].map(([database, keys]) => {
      const own = new Set(keys)
      return database.query<Row>(markPublishedHere(events.filter(({ key }) => own.has(key)).map(({ id }) => id)))
    })
    return (await Promise.all(rows)).flat()
  })
}

/*
 * What follows up to the aliases is asked of each database by itself: one that is away must not stop the work of the others.
 */

/** Marks rows of this database as published. */
export function markPublishedHere(eventIds: readonly string[]): SQL {
  return sql`UPDATE outbox SET published_at = now() WHERE published_at IS NULL
    AND event_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(eventIds)}::jsonb))`
}

/**
 * Claims up to `limit` unpublished rows that are older than `olderThanMs`, oldest first, for `claimMs`. The claim, not a
 * lock, keeps a second sweeper away: no transaction stays open while the log is spoken to, and a sweeper that dies gives
 * its rows back when the claim ends.
 */
export function claimUnpublished(olderThanMs: number, claimMs: number, limit: number): SQL {
  return sql`WITH late AS (
      SELECT event_id FROM outbox
      WHERE published_at IS NULL AND created_at < clock_timestamp() - ${olderThanMs}::int * interval '1 millisecond'
        AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
      ORDER BY created_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox o SET claimed_until = clock_timestamp() + ${claimMs}::int * interval '1 millisecond'
    FROM late WHERE o.event_id = late.event_id
    RETURNING o.event_id, o.body, o.created_at`
}

/** Deletes up to `limit` rows, published more than `olderThanMs` ago. */
export function deletePublished(olderThanMs: number, limit: number): SQL {
  return sql`DELETE FROM outbox WHERE event_id IN (
      SELECT event_id FROM outbox
      WHERE published_at < clock_timestamp() - ${olderThanMs}::bigint * interval '1 millisecond' LIMIT ${limit})
    RETURNING 1 AS deleted`
}

/** Deletes up to `limit` idempotency keys, made more than `olderThanMs` ago. */
export function deleteIdempotencyKeys(olderThanMs: number, limit: number): SQL {
  return sql`DELETE FROM idempotency_keys WHERE (user_id, key) IN (
      SELECT user_id, key FROM idempotency_keys
      WHERE created_at < clock_timestamp() - ${olderThanMs}::bigint * interval '1 millisecond' LIMIT ${limit})
    RETURNING 1 AS deleted`
}

/**
 * Events committed since an instant, published or not, in the order of their ids: what is published again after Redis has
 * lost writes. Rows of `CommittedRow` with event_id > `after`.
 */
export function committedSince(sinceMs: number, after: string, limit: number): SQL {
  return sql`SELECT event_id, body FROM outbox
     WHERE created_at >= to_timestamp(${sinceMs}::double precision / 1000) AND event_id > ${after}
     ORDER BY event_id LIMIT ${limit}::int`
}

export interface CommittedRow {
  event_id: string
  body: unknown
}

/** Deletes up to `limit` ids of comments, promised more than `olderThanMs` ago, that lead to others. */
export function deleteCommentAliases(olderThanMs: number, limit: number): SQL {
  return inDirectory(sql`DELETE FROM comment_aliases WHERE (post_id, alias_id, user_id) IN (
      SELECT post_id, alias_id, user_id FROM comment_aliases
      WHERE created_at < clock_timestamp() - ${olderThanMs}::bigint * interval '1 millisecond' LIMIT ${limit})
    RETURNING 1 AS deleted`)
}

/** Deletes up to `limit` edits, made more than `olderThanMs` ago, whose comments never came. */
export function deleteWaitingEdits(olderThanMs: number, limit: number): SQL {
  return inDirectory(sql`DELETE FROM waiting_edits WHERE (post_id, comment_id, user_id) IN (
      SELECT post_id, comment_id, user_id FROM waiting_edits
      WHERE created_at < clock_timestamp() - ${olderThanMs}::bigint * interval '1 millisecond' LIMIT ${limit})
    RETURNING 1 AS deleted`)
}

/** Gives deleted rows' space back for use, on an engine without autovacuum. Not in a transaction. */
export const vacuumOutbox = (): SQL[] => [
  sql`VACUUM (ANALYZE) outbox`,
  sql`VACUUM (ANALYZE) idempotency_keys`,
  sql`VACUUM (ANALYZE) comment_aliases`,
  sql`VACUUM (ANALYZE) waiting_edits`,
]

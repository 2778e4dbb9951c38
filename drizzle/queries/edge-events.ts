/**
 * Events that are built inside the statement of their effect, so that they carry the version that the row really got.
 * The id derives from the fact and its version: a repetition answers the very same event.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { EventType } from '#core/events.ts'

export interface FactEvent {
  type: EventType
  /** Text expressions over the row. */
  actor: SQL
  key: SQL
  /** Text expression that names the fact, without its version. */
  fact: SQL
  version: SQL
  /** Timestamp expression: when the fact came to be. */
  at: SQL
  data: SQL
  traceparent: string | null
}

/** The event's body as a jsonb expression. Ids have to be cast to text by the caller: JSON numbers lose digits. */
export function factEvent(event: FactEvent): SQL {
  const { type, actor, key, fact, version, at, data, traceparent } = event
  return sql`jsonb_build_object(
      'id', ${`${type}:`}::text || ${fact} || ':' || ${version}::text,
      'type', ${type}::text,
      'version', 1,
      'time', floor(extract(epoch FROM ${at}) * 1000)::bigint,
      'actor', ${actor},
      'key', ${key},
      'traceparent', ${traceparent}::text,
      'data', ${data})`
}

/** Lays the rows of a CTE with a column `event` into the outbox. For use as a CTE of its own. */
export function outboxFrom(cte: SQL): SQL {
  return sql`INSERT INTO outbox (event_id, type, body)
      SELECT event ->> 'id', event ->> 'type', event FROM ${cte} ON CONFLICT (event_id) DO NOTHING`
}

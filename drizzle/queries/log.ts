/**
 * The embedded event log in SQL. Offsets come from the partition's row inside the statement that appends, so a partition
 * has no gaps and shows its messages in the order of their commits: a reader that saw offset n never meets a smaller one
 * later. Lists travel as one JSON parameter: one statement, one round trip, however many messages.
 */
import { type SQL, sql } from 'drizzle-orm'

/** A message on its way into the log. */
export interface NewMessage {
  topic: string
  partition: number
  key: string
  value: unknown
  headers: Record<string, string> | null
}

/** The end of a partition after an append. */
export interface Head {
  topic: string
  partition: number
  /** A bigint: text in most drivers. */
  next_offset: string | number
}

/** What a reader asks of one partition. */
export interface Window {
  topic: string
  partition: number
  from: number
}

export interface MessageRow {
  topic: string
  partition: number
  offset: string | number
  value: unknown
  headers: Record<string, string> | null
}

/** A group's place in one partition. */
export interface Place {
  group: string
  topic: string
  partition: number
}

export interface Membership {
  member: string
  group: string
  topics: readonly string[]
}

/** The channel on which other processes hear of appends: `<notifier> <topic>/<partition>`. */
export const LOG_CHANNEL = 'tideline_log'

/** Where the events go that a group could not apply. */
export const deadLetterTopic = (topic: string) => `${topic}.dlq`

/**
 * Appends messages and answers the new end of each partition they went to. The partitions' rows are taken in order of
 * their names, so that concurrent appends wait for each other and never deadlock.
 */
export function appendMessages(messages: readonly NewMessage[], notifier: string | null): SQL {
  const input = sql`SELECT m.topic, m.partition, m.key, m.value, m.headers, m.n
    FROM ROWS FROM (jsonb_to_recordset(${JSON.stringify(messages)}::jsonb)
      AS (topic text, partition int, key text, value jsonb, headers jsonb))
    WITH ORDINALITY AS m (topic, partition, key, value, headers, n)`
  return sql`WITH input AS MATERIALIZED (${input}), ${appendInput}
    SELECT b.topic, b.partition, b.next_offset${notified(notifier)} FROM bumped b`
}

/** Tells other processes of an append; the payload names the one that made it, which knows already. */
const notified = (notifier: string | null): SQL =>
  notifier === null
    ? sql``
    : sql`, pg_notify(${LOG_CHANNEL}, ${`${notifier} `}::text || b.topic || '/' || b.partition)::text AS notified`

/** From `input` (topic, partition, key, value, headers, n) into the log; n is the order of arrival. */
const appendInput = sql`
  counts AS (SELECT topic, partition, count(*) AS messages FROM input GROUP BY topic, partition),
  bumped AS (
    INSERT INTO log_partitions AS p (topic, partition, next_offset)
    SELECT topic, partition, messages FROM counts ORDER BY topic, partition
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = p.next_offset + excluded.next_offset
    RETURNING p.topic, p.partition, p.next_offset
  ),
  stored AS (
    INSERT INTO log_messages (topic, partition, "offset", key, value, headers)
    SELECT i.topic, i.partition,
      b.next_offset - c.messages - 1 + row_number() OVER (PARTITION BY i.topic, i.partition ORDER BY i.n),
      i.key, i.value, nullif(i.headers, 'null'::jsonb)
    FROM input i JOIN counts c USING (topic, partition) JOIN bumped b USING (topic, partition)
  )`

/** The next messages of several partitions, at most `limit` of each. A partition without news costs no index probe. */
export function readMessages(windows: readonly Window[], limit: number): SQL {
  return sql`SELECT m.topic, m.partition, m."offset", m.value, m.headers
    FROM jsonb_to_recordset(${JSON.stringify(windows)}::jsonb) AS w (topic text, partition int, "from" bigint)
    JOIN log_partitions p ON p.topic = w.topic AND p.partition = w.partition AND p.next_offset > w."from"
    CROSS JOIN LATERAL (
      SELECT topic, partition, "offset", value, headers FROM log_messages l
      WHERE l.topic = w.topic AND l.partition = w.partition AND l."offset" >= w."from"
      ORDER BY l."offset" LIMIT ${limit}
    ) m ORDER BY m.topic, m.partition, m."offset"`
}

/** Gives a group a place in every partition of its topics; a new group starts at the earliest message there is. */
export function registerGroup(group: string, topics: readonly string[], partitions: number): SQL {
  return sql`INSERT INTO log_offsets (group_id, topic, partition, "offset")
    SELECT ${group}, t.topic, n.partition, coalesce(
      (SELECT min("offset") FROM log_messages m WHERE m.topic = t.topic AND m.partition = n.partition),
      (SELECT next_offset FROM log_partitions p WHERE p.topic = t.topic AND p.partition = n.partition), 0)
    FROM jsonb_array_elements_text(${JSON.stringify(topics)}::jsonb) AS t (topic),
      generate_series(0, ${partitions}::int - 1) AS n (partition)
    ON CONFLICT (group_id, topic, partition) DO NOTHING`
}

/** Says that the members live for another `leaseMs`, by the database's clock, which is one for all processes. */
export function renewMembers(members: readonly Membership[], leaseMs: number): SQL {
  return sql`INSERT INTO log_members (member, group_id, topics, expires_at)
    SELECT m.member, m."group", ARRAY(SELECT jsonb_array_elements_text(m.topics)),
      clock_timestamp() + ${leaseMs}::int * interval '1 millisecond'
    FROM jsonb_to_recordset(${JSON.stringify(members)}::jsonb) AS m (member text, "group" text, topics jsonb)
    ON CONFLICT (member) DO UPDATE SET expires_at = excluded.expires_at`
}

/** One row a group, topic and living owner (null for the partitions that nobody reads). */
export interface StandingRow {
  group: string
  topic: string
  owner: string | null
  /** [partition, owner as stored]; a dead owner is named here, so that taking over can compare and set. */
  partitions: [number, string | null][]
  /** Living members of the group that read this topic. */
  members: number
}

export function standings(groups: readonly string[]): SQL {
  return sql`WITH live AS (
      SELECT member, group_id, topics FROM log_members
      WHERE expires_at > clock_timestamp()
        AND group_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(groups)}::jsonb))
    )
    SELECT o.group_id AS "group", o.topic, l.member AS owner,
      jsonb_agg(jsonb_build_array(o.partition, o.owner) ORDER BY o.partition) AS partitions,
      (SELECT count(*)::int FROM live m WHERE m.group_id = o.group_id AND o.topic = ANY (m.topics)) AS members
    FROM log_offsets o LEFT JOIN live l ON l.member = o.owner
    WHERE o.group_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(groups)}::jsonb))
    GROUP BY o.group_id, o.topic, l.member`
}

/** Takes partitions whose owner is still the one expected, and answers where to go on in those that were won. */
export function takePartitions(takes: readonly (Place & { member: string; expected: string | null })[]): SQL {
  return sql`UPDATE log_offsets o SET owner = t.member, updated_at = now()
    FROM jsonb_to_recordset(${JSON.stringify(takes)}::jsonb)
      AS t ("group" text, topic text, partition int, member text, expected text)
    WHERE o.group_id = t."group" AND o.topic = t.topic AND o.partition = t.partition
      AND o.owner IS NOT DISTINCT FROM t.expected
    RETURNING t.member, o.topic, o.partition, o."offset"`
}

/** Commits places, unless another member has taken the partition over: such rows are missing from the answer. */
export function commitOffsets(commits: readonly (Place & { member: string; offset: number; release: boolean })[]): SQL {
  return sql`UPDATE log_offsets o SET "offset" = greatest(o."offset", c."offset"), updated_at = now(),
      owner = CASE WHEN c.release THEN NULL ELSE o.owner END
    FROM jsonb_to_recordset(${JSON.stringify(commits)}::jsonb)
      AS c ("group" text, topic text, partition int, member text, "offset" bigint, release boolean)
    WHERE o.group_id = c."group" AND o.topic = c.topic AND o.partition = c.partition AND o.owner = c.member
    RETURNING o.group_id AS "group", o.topic, o.partition`
}

/** Removes every member: for whoever knows that all of them have died. */
export const removeAllMembers = (): SQL => sql`DELETE FROM log_members`

/** Takes every group back to the first message that was appended at or after an instant, where it stands further on. */
export function rewindGroups(since: Date): SQL {
  return sql`UPDATE log_offsets o SET "offset" = m."offset", updated_at = now()
    FROM (
      SELECT topic, partition, min("offset") AS "offset" FROM log_messages
      WHERE created_at >= ${since.toISOString()}::timestamptz GROUP BY topic, partition
    ) m
    WHERE o.topic = m.topic AND o.partition = m.partition AND o."offset" > m."offset"`
}

/** What was appended to topics at or after an instant: a row a partition that was given anything. */
export function stretchesSince(topics: readonly string[], since: Date): SQL {
  return sql`SELECT m.topic, m.partition, min(m."offset") AS "from", max(m."offset") AS "last" FROM log_messages m
    WHERE m.topic IN (SELECT jsonb_array_elements_text(${JSON.stringify(topics)}::jsonb))
      AND m.created_at >= ${since.toISOString()}::timestamptz
    GROUP BY m.topic, m.partition`
}

export interface StretchRow {
  topic: string
  partition: number
  from: string | number
  last: string | number
}

/** Removes members that leave, and those that died long ago. */
export function removeMembers(members: readonly string[]): SQL {
  return sql`DELETE FROM log_members
    WHERE member IN (SELECT jsonb_array_elements_text(${JSON.stringify(members)}::jsonb))
      OR expires_at < clock_timestamp() - interval '1 hour'`
}

/** Messages that a group has still to handle, by topic. */
export function groupLag(group: string): SQL {
  return sql`SELECT o.topic, sum(greatest(0, coalesce(p.next_offset, 0) - o."offset"))::bigint AS lag
    FROM log_offsets o LEFT JOIN log_partitions p USING (topic, partition)
    WHERE o.group_id = ${group} GROUP BY o.topic`
}

/** Deletes up to `limit` messages older than `before` that every registered group has handled. Dead letters stay. */
export function deleteHandled(before: Date, limit: number): SQL {
  return sql`WITH done AS (
      SELECT p.topic, p.partition, coalesce(min(o."offset"), p.next_offset) AS upto
      FROM log_partitions p LEFT JOIN log_offsets o USING (topic, partition)
      WHERE p.topic NOT LIKE '%.dlq' GROUP BY p.topic, p.partition, p.next_offset
    ), old AS (
      SELECT m.topic, m.partition, m."offset" FROM log_messages m JOIN done d USING (topic, partition)
      WHERE m.created_at < ${before.toISOString()}::timestamptz AND m."offset" < d.upto
      ORDER BY m.created_at LIMIT ${limit}
    )
    DELETE FROM log_messages m USING old
    WHERE m.topic = old.topic AND m.partition = old.partition AND m."offset" = old."offset"
    RETURNING 1 AS deleted`
}

/** Gives deleted rows' space back for use, on an engine without autovacuum. Not in a transaction. */
export const vacuumLog = (): SQL[] => [
  sql`VACUUM (ANALYZE) log_messages`,
  sql`VACUUM (ANALYZE) log_offsets`,
  sql`VACUUM (ANALYZE) log_partitions`,
  sql`VACUUM (ANALYZE) log_members`,
]

export function deadLettersOf(topic: string, limit: number): SQL {
  return sql`SELECT partition, "offset", key, value, headers FROM log_messages
    WHERE topic = ${deadLetterTopic(topic)} ORDER BY partition, "offset" LIMIT ${limit}`
}

/**
 * Moves up to `limit` dead letters back to the end of their topic, for the group that gave them up only, in one
 * statement: none is lost, none is there twice.
 */
export function replayLetters(topic: string, group: string | null, limit: number, notifier: string | null): SQL {
  const ofGroup = group === null ? sql`` : sql`AND headers ->> 'group' = ${group}`
  return sql`WITH letters AS (
      SELECT topic, partition, "offset" FROM log_messages
      WHERE topic = ${deadLetterTopic(topic)} ${ofGroup}
      ORDER BY partition, "offset" LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), taken AS (
      DELETE FROM log_messages m USING letters l
      WHERE m.topic = l.topic AND m.partition = l.partition AND m."offset" = l."offset"
      RETURNING ${topic}::text AS topic, m.partition, m.key, m.value,
        jsonb_build_object('replayFor', m.headers ->> 'group') AS headers, m."offset" AS n
    ), input AS MATERIALIZED (SELECT * FROM taken), ${appendInput}
    SELECT b.topic, b.partition, b.next_offset, c.messages${notified(notifier)}
    FROM bumped b JOIN counts c USING (topic, partition)`
}

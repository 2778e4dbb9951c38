/**
 * Blocks and mutes, as the edge writes them: like a follow, a row with its version and its event in one statement, and a
 * copy in the other person's database where that is another one.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Row } from '../database.ts'
import { batchAcross, type Shards, writesAcross } from '../placement.ts'
import { factEvent, outboxFrom } from './edge-events.ts'
import { endFollows, type FollowRow, isPair } from './graph.ts'
import { copyFollow, copyRelation } from './relation-copies.ts'

export interface RelationRow extends Row {
  state: 'active' | 'removed'
  version: string | number
  event: TidelineEvent<'block.changed'>
  /** The other person does the same to this one. */
  returned: boolean
}

const personExists = (user: Id, target: Id) =>
  sql`SELECT u.user_id FROM users u
         WHERE u.user_id = ${target}::bigint AND u.user_id <> ${user}::bigint AND u.deleted_at IS NULL`

/** A mute, one statement: one row of `RelationRow`, none when the person does not exist. */
export function mute(user: Id, target: Id, traceparent: string | null): SQL[] {
  const exists = personExists(user, target)
  const statements = [relationOf('mute', user, target, exists, traceparent)]
  return batchAcross(statements, async (shards) => {
    if (shards.of(user) === shards.of(target)) return shards.of(user).batch(statements)
    if ((await shards.of(target).query(exists)).length === 0) return [[]]
    const known = sql`SELECT ${target}::bigint AS user_id`
    return relatedWithCopy(shards, 'mute', user, target, relationOf('mute', user, target, known, traceparent))
  })
}

/** Lifts a block or a mute, one statement: one row of `RelationRow`, none when there never was one. */
export function lift(kind: 'block' | 'mute', user: Id, target: Id, traceparent: string | null): SQL[] {
  const statement = relationOf(kind, user, target, null, traceparent)
  return batchAcross([statement], (shards) => relatedWithCopy(shards, kind, user, target, statement))
}

async function relatedWithCopy(
  shards: Shards,
  kind: 'block' | 'mute',
  user: Id,
  target: Id,
  statement: SQL,
): Promise<Row[][]> {
  const rows = await shards.of(user).query<RelationRow>(statement)
  for (const { state, version } of shards.of(user) === shards.of(target) ? [] : rows) {
    await shards.of(target).query(copyRelation(kind, { userId: user, targetId: target, state, version }))
  }
  return [rows]
}

/** @param found statement that answers the `user_id` of whom it is set on; null lifts it */
function relationOf(kind: 'block' | 'mute', user: Id, target: Id, found: SQL | null, traceparent: string | null): SQL {
  const table = sql.raw(kind === 'block' ? 'blocks' : 'mutes')
  const changed = found
    ? sql`INSERT INTO ${table} (user_id, target_id, state)
        SELECT ${user}::bigint, found.user_id, 'active' FROM (${found}) found
        ON CONFLICT (user_id, target_id) DO UPDATE
          SET state = 'active', version = ${table}.version + 1, updated_at = now()
          WHERE ${table}.state = 'removed' RETURNING *`
    : sql`UPDATE ${table} SET state = 'removed', version = version + 1, updated_at = now()
        WHERE user_id = ${user}::bigint AND target_id = ${target}::bigint AND state = 'active' RETURNING *`
  const event = factEvent({
    type: 'block.changed',
    actor: sql`c.user_id::text`,
    key: sql`c.user_id::text`,
    fact: sql`${`${kind}:`}::text || c.user_id::text || ':' || c.target_id::text`,
    version: sql`c.version`,
    at: sql`c.updated_at`,
    data: sql`jsonb_build_object('userId', c.user_id::text, 'targetId', c.target_id::text, 'kind', ${kind}::text,
        'state', c.state, 'version', c.version)`,
    traceparent,
  })
  return sql`
    WITH changed AS (${changed}), current AS (
      SELECT * FROM changed
      UNION ALL
      SELECT r.* FROM ${table} r WHERE r.user_id = ${user}::bigint AND r.target_id = ${target}::bigint
         AND NOT EXISTS (SELECT 1 FROM changed)
    ), answer AS (
      SELECT c.state, c.version, ${event} AS event, EXISTS (SELECT 1 FROM ${table} o
        WHERE o.user_id = c.target_id AND o.target_id = c.user_id AND o.state = 'active') AS returned FROM current c
    ), published AS (${outboxFrom(sql`answer WHERE EXISTS (SELECT 1 FROM changed)`)})
    SELECT state, version, event, returned FROM answer`
}

/** Ends the follows of both directions. Rows of `FollowRow`, only for follows that stood. */
function endFollowsBetween(a: Id, b: Id, traceparent: string | null): SQL {
  const either = sql`((${isPair(a, b)})
      OR (${isPair(b, a)}))`
  return endFollows(either, sql`false`, traceparent)
}

/** A block with the follows that it ends, as one transaction: rows of `RelationRow`, then rows of `FollowRow`. */
export function block(user: Id, target: Id, traceparent: string | null): SQL[] {
  const exists = personExists(user, target)
  const statements = [
    relationOf('block', user, target, exists, traceparent),
    endFollowsBetween(user, target, traceparent),
  ]
  return batchAcross(statements, async (shards) => {
    const [here, there] = [shards.of(user), shards.of(target)]
    if (here === there) return here.batch(statements)
    if ((await there.query(exists)).length === 0) return [[], []]
    const known = sql`SELECT ${target}::bigint AS user_id`
    const [related = [], left = []] = await here.batch([
      relationOf('block', user, target, known, traceparent),
      endFollows(isPair(user, target), sql`false`, traceparent),
    ])
    const ended = await closeBothSides(shards, user, target, related[0], traceparent)
    return [related, [...left, ...ended]]
  })
}

/**
 * What a block means where the blocked person's rows lie: its copy, the end of that person's follow, and the copies of both
 * ends. Repeated, it changes nothing. Answers the follow that it ended.
 */
async function closeBothSides(
  shards: Shards,
  user: Id,
  target: Id,
  relation: Row | undefined,
  traceparent: string | null,
): Promise<Row[]> {
  if (relation === undefined) return []
  const [here, there] = [shards.of(user), shards.of(target)]
  const { state, version } = relation as unknown as RelationRow
  const [, ended = []] = await there.batch([
    copyRelation('block', { userId: user, targetId: target, state, version }),
    endFollows(isPair(target, user), sql`false`, traceparent),
  ])
  const truth = sql`SELECT f.state, f.version FROM follows f WHERE `
  const [mine] = await here.query<FollowRow>(sql`${truth} ${isPair(user, target)}`)
  if (mine) await there.batch(copyFollow({ followerId: user, followeeId: target, ...mine }))
  const [theirs] = await there.query<FollowRow>(sql`${truth} ${isPair(target, user)}`)
  if (theirs) await here.batch(copyFollow({ followerId: target, followeeId: user, ...theirs }))
  return ended
}

/**
 * Whether either of two people blocks the other, and whether the first mutes the second: one row of `Relations`. Over
 * several databases it is asked where the truth is, and brings what a crash may have left of it in the other one.
 */
export function relations(user: Id, target: Id): SQL {
  const blocks = (by: Id, of: Id) =>
    sql`SELECT state, version FROM blocks WHERE user_id = ${by}::bigint AND target_id = ${of}::bigint`
  const mutes = sql`SELECT state, version FROM mutes WHERE user_id = ${user}::bigint AND target_id = ${target}::bigint`
  const statement = sql`
    SELECT EXISTS (SELECT 1 FROM blocks WHERE state = 'active' AND (
             (user_id = ${user}::bigint AND target_id = ${target}::bigint)
          OR (user_id = ${target}::bigint AND target_id = ${user}::bigint))) AS blocked,
           EXISTS (SELECT 1 FROM mutes WHERE state = 'active'
              AND user_id = ${user}::bigint AND target_id = ${target}::bigint) AS muted`
  return writesAcross<Relations>(statement, async (shards) => {
    const [here, there] = [shards.of(user), shards.of(target)]
    if (here === there) return here.query<Relations>(statement)
    const [[mine] = [], [muted] = []] = await here.batch([blocks(user, target), mutes])
    const [theirs] = await there.query(blocks(target, user))
    const copy = (row: Row) => ({ state: String(row.state), version: String(row.version) })
    if (muted) await there.query(copyRelation('mute', { userId: user, targetId: target, ...copy(muted) }))
    if (mine?.state === 'active') await closeBothSides(shards, user, target, mine, null)
    else if (mine) await there.query(copyRelation('block', { userId: user, targetId: target, ...copy(mine) }))
    return [{ blocked: mine?.state === 'active' || theirs?.state === 'active', muted: muted?.state === 'active' }]
  })
}

export interface Relations {
  blocked: boolean
  muted: boolean
}

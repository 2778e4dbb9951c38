/** What the first database keeps of a move: the map of all, and the step that was reached. */
import type { ShardRange } from '#core/shard-map.ts'
import { type Databases, transaction } from './databases.ts'

/**
 * announced: readers are told; nothing is copied yet. copying: the target is filled and follows the source. closing: the
 * source refuses writes, the target catches up and opens. cleaning: the map names the target; what is left over goes.
 */
export type Step = 'announced' | 'copying' | 'closing' | 'cleaning' | 'aborting' | 'done'

export interface Move extends ShardRange {
  readonly source: number
  readonly target: number
  /** Of the range at the target. */
  readonly epoch: number
  readonly step: Step
  /** Seconds since, by the first database's clock. */
  readonly announcedFor: number
  readonly switchedFor: number | null
}

interface MoveRow {
  first_shard: number
  last_shard: number
  source: number
  target: number
  epoch: string
  step: Step
  announced_for: number
  switched_for: number | null
}

/** One mover at a time: the lock is the connection's, and ends with the process. */
const MOVER_LOCK = 1_953_064_805

export async function lockMoves({ directory }: Databases): Promise<void> {
  const { rows } = await directory.client.query<{ mine: boolean }>('SELECT pg_try_advisory_lock($1) AS mine', [
    MOVER_LOCK,
  ])
  if (!rows[0]?.mine) throw new Error('Another move is being made just now, from another terminal.')
}

/** The move that is not finished, if there is one. */
export async function unfinishedMove({ directory }: Databases): Promise<Move | null> {
  const { rows } = await directory.client.query<MoveRow>(
    `SELECT first_shard, last_shard, source, target, epoch, step,
            extract(epoch FROM clock_timestamp() - announced_at)::float8 AS announced_for,
            extract(epoch FROM clock_timestamp() - switched_at)::float8 AS switched_for
       FROM shard_moves WHERE step <> 'done'`,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    ...{ first: row.first_shard, last: row.last_shard, source: row.source, target: row.target, step: row.step },
    ...{ epoch: Number(row.epoch), announcedFor: row.announced_for, switchedFor: row.switched_for },
  }
}

/** Cuts the range out of the map, marks it as moving and notes the move: one transaction. */
export async function announce(
  { directory: { client } }: Databases,
  move: Omit<Move, 'step' | 'announcedFor' | 'switchedFor'>,
) {
  const { first, last, source, target, epoch } = move
  await transaction(client, async () => {
    for (const at of [first, last + 1]) {
      await client.query(
        `WITH former AS (SELECT * FROM shard_ranges WHERE first_shard < $1 AND last_shard >= $1),
              kept AS (UPDATE shard_ranges r SET last_shard = $1::int - 1 FROM former f WHERE r.first_shard = f.first_shard)
         INSERT INTO shard_ranges (first_shard, last_shard, database, epoch, moving)
         SELECT $1::int, last_shard, database, epoch, moving FROM former`,
        [at],
      )
    }
    await markMoving(client, move, true)
    await client.query(
      `INSERT INTO shard_moves (first_shard, last_shard, source, target, epoch, step) VALUES ($1, $2, $3, $4, $5, 'announced')
       ON CONFLICT (first_shard) DO UPDATE SET last_shard = EXCLUDED.last_shard, source = EXCLUDED.source,
         target = EXCLUDED.target, epoch = EXCLUDED.epoch, step = EXCLUDED.step, announced_at = clock_timestamp(),
         switched_at = NULL, figures = '{}'`,
      [first, last, source, target, epoch],
    )
  })
}

const markMoving = (client: Databases['directory']['client'], { first, last }: ShardRange, moving: boolean) =>
  client.query('UPDATE shard_ranges SET moving = $3 WHERE first_shard >= $1 AND last_shard <= $2', [
    first,
    last,
    moving,
  ])

export async function reach({ directory }: Databases, { first }: ShardRange, step: Step): Promise<void> {
  await directory.client.query('UPDATE shard_moves SET step = $2 WHERE first_shard = $1', [first, step])
}

/** Figures of a move, kept with it. */
export async function note({ directory }: Databases, { first }: ShardRange, figures: object): Promise<void> {
  await directory.client.query('UPDATE shard_moves SET figures = figures || $2::jsonb WHERE first_shard = $1', [
    first,
    JSON.stringify(figures),
  ])
}

/** The map names the target from now on. */
export async function switchMap({ directory: { client } }: Databases, move: Move): Promise<void> {
  const { first, last, target, epoch } = move
  await transaction(client, async () => {
    await client.query('DELETE FROM shard_ranges WHERE first_shard >= $1 AND last_shard <= $2', [first, last])
    await client.query('INSERT INTO shard_ranges (first_shard, last_shard, database, epoch) VALUES ($1, $2, $3, $4)', [
      first,
      last,
      target,
      epoch,
    ])
    await client.query(
      `UPDATE shard_moves SET step = 'cleaning', switched_at = clock_timestamp() WHERE first_shard = $1`,
      [first],
    )
  })
}

/** The end of a move that was given up: the map is as before. */
export async function forgetMove({ directory: { client } }: Databases, move: Move): Promise<void> {
  await transaction(client, async () => {
    await markMoving(client, move, false)
    await client.query('DELETE FROM shard_moves WHERE first_shard = $1', [move.first])
  })
}

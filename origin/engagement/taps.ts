/**
 * What writes do to Redis, those of the same moment in one pipeline: a post that is tapped a thousand times a second has its
 * counter raised, and is marked, once for all that arrived while the last pipeline was under way.
 */
import type { Clock, Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, integer, type RedisPort } from '#core/redis.ts'
import { createGroupCommit } from '../group-commit.ts'
import { withinTime } from '../redis/index.ts'
import type { ShardPicker } from './counter-shards.ts'
import { type CountMove, markDirty, moveCounts } from './counters.ts'

/**
 * So long a tap waits for the pipeline before its own, and for its own: what Redis keeps is derived, and behind a silent one
 * the pipelines of a moment would stand in single file, each for as long as a pipeline may take. Twice both stays below the
 * time after which the edge queues the write and makes it again.
 */
const PATIENCE_MS = 250

export interface Taps {
  /** Marks a post as moved: beside the write to the store. */
  mark(postId: Id): Promise<void>
  /** Moves a post's counters, by what the write did, and marks it: after the write. */
  move(move: CountMove): Promise<void>
  /** The same for a like, and asks whether its person's liked:{u} is there to follow it. */
  moveLike(move: CountMove, userId: Id): Promise<boolean>
}

interface Effect {
  move: CountMove
  /** Whose liked:{u} is asked for. */
  userId: Id | null
}

export interface TapsNeeds {
  redis: RedisPort
  clock: Clock
  shards: ShardPicker
}

/**
 * Each rejects for all of a pipeline, with RedisAwayError where Redis did not answer soon, with RedisCommandError where it
 * refused a command: what else it was asked has been done or will be all the same, and what was not follows from the event
 * of the write.
 */
export function gatherTaps(needs: TapsNeeds): Taps {
  const group = createGroupCommit(
    (effects: readonly Effect[]) => apply(needs, effects),
    // Never twice: nobody knows which counters have moved.
    () => false,
  )
  const nothing = (postId: Id): CountMove => ({ postId, likes: 0, comments: 0 })
  return {
    async mark(postId) {
      await group.append([{ move: nothing(postId), userId: null }])
    },
    async move(move) {
      await group.append([{ move, userId: null }])
    },
    async moveLike(move, userId) {
      const [isThere] = await group.append([{ move, userId }])
      return isThere === true
    },
  }
}

/** @returns for each effect whether the set that it asked for is there */
async function apply({ redis, clock, shards }: TapsNeeds, effects: readonly Effect[]): Promise<boolean[]> {
  const nowMs = clock()
  const moves = sumByPost(effects).flatMap((sum) =>
    sum.moves === 0 ? [markDirty(sum.postId, nowMs)] : moveCounts(sum, nowMs, shards.pick(sum.postId, sum.moves)),
  )
  const readers = effects.flatMap(({ userId }) => (userId === null ? [] : [userId]))
  const asked = readers.map((userId): Command => ['EXISTS', keys.liked(userId)])
  const replies = await withinTime(redis.pipeline([...moves, ...asked]), PATIENCE_MS)
  let next = moves.length
  return effects.map(({ userId }) => userId !== null && integer(replies[next++]) === 1)
}

/** `moves`: how many writes moved something, by which a post's heat is told. */
function sumByPost(effects: readonly Effect[]): (CountMove & { moves: number })[] {
  const sums = new Map<Id, CountMove & { moves: number }>()
  for (const { move } of effects) {
    const sum = sums.get(move.postId) ?? { postId: move.postId, likes: 0, comments: 0, moves: 0 }
    sum.likes += move.likes
    sum.comments += move.comments
    if (move.likes !== 0 || move.comments !== 0) sum.moves++
    sums.set(move.postId, sum)
  }
  return [...sums.values()]
}

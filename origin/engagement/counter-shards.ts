/**
 * Which counter shard a move of a post goes to: the first while the post is quiet, any of a hundred while it is hot, so that
 * a viral post's counter is not one key on one node. Recounts fold what is spread into the first.
 */
import type { Clock, Id, Random } from '#core/ids.ts'

export const SHARDS = Object.freeze({
  /** Shards of a hot post; the first is every post's. */
  count: 100,
  /** Moves a second of one post, seen by one process, from which on they are spread. One key takes ten thousands. */
  hotPerSecond: 500,
})

export interface CounterShard {
  shard: number
  /** This is the move that tells the roll-up to look into all shards. */
  announce: boolean
}

export interface ShardPicker {
  /** @param moves how many writes go together */
  pick(postId: Id, moves: number): CounterShard
}

export function shardPicker(clock: Clock, random: Random): ShardPicker {
  /** Moves by post of the second that it is: bounded by what one process does in a second. */
  const moved = new Map<Id, number>()
  let second = 0
  return {
    pick(postId, moves) {
      const now = Math.floor(clock() / 1_000)
      if (now !== second) {
        second = now
        moved.clear()
      }
      const before = moved.get(postId) ?? 0
      const after = before + moves
      moved.set(postId, after)
      if (after <= SHARDS.hotPerSecond) return { shard: 0, announce: false }
      // Told anew in each second: a recount after quiet seconds has folded the shards and said that there are none.
      return { shard: Math.floor(random() * SHARDS.count), announce: before <= SHARDS.hotPerSecond }
    },
  }
}

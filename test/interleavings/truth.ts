/** What the interleavings need of a database: the commits of the edge, its reads, and the stores of graph and fan-out. */
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import type { FanoutStore } from '../../origin/fanout/store.ts'
import type { GraphStore } from '../../origin/graph/store.ts'

export interface PairChange {
  followerId: Id
  followeeId: Id
  state: 'active' | 'removed'
  version: number
}

export interface Truth {
  graph: GraphStore
  fanout: FanoutStore
  /** Answers the statements with which the edge makes a feed, from the primary. */
  edge: Database
  /** The edge's commits. A follow or its end answers the row; null when it changed nothing. */
  commitPost(author: Id, post: Id): Promise<void>
  commitDelete(author: Id, post: Id): Promise<void>
  commitFollow(reader: Id, author: Id): Promise<PairChange | null>
  commitUnfollow(reader: Id, author: Id): Promise<PairChange | null>
  /** Blocks and ends the follows of both directions, or lifts the block. Answers the follows that ended. */
  commitBlock(user: Id, target: Id, active: boolean): Promise<PairChange[]>
  /** Takes the changes of mode that wait in the outbox. */
  takeOutbox(): Promise<TidelineEvent[]>
  followerCount(author: Id): Promise<number>
  /** Lets purges fall due, and authors who came down leave the celebrities' sets. */
  passTime(): Promise<void>
  openPurges(): Promise<number>
}

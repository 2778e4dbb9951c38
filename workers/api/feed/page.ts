/** A page of the feed, and what asks for it. */
import type { FeedMode, FeedPosition, HydratedItem, Viewer } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'

export interface FeedQuery {
  user: Id
  limit: number
  mode: FeedMode
  cursor: string | null
}

export interface FeedPage {
  items: HydratedItem[]
  viewer: Viewer
  cursor: string | null
  /** The walk has left the followed posts behind: its cursor, if there is one, has the last of what comes. */
  isBeyond: boolean
}

/** A page's items, and where its walk stands after them. */
export interface Filled {
  items: HydratedItem[]
  viewer: Viewer
  position: FeedPosition
}

/** A page made of what had been read when its time was over. */
export interface PageSoFar {
  page: FeedPage
  /** As many items as were asked for, or all that there are. */
  isFull: boolean
}

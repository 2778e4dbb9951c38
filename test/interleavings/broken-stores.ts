/** Rules taken out that are kept in the order in which consumers ask their stores. */
import type { Id } from '#core/ids.ts'
import type { AuthorMode } from '#core/timeline/index.ts'
import type { FanoutStore } from '../../origin/fanout/store.ts'
import type { GraphNeeds } from '../../origin/graph/service.ts'
import type { FollowChange } from '../../origin/graph/store.ts'
import type { Stage } from './stage.ts'

type Graph = Pick<GraphNeeds, 'store' | 'onFollowers'>

export function brokenGraph({ without }: Stage, graph: Graph): Graph {
  if (without('inverse-before-backfill')) return withInverseLast(graph)
  if (without('registry-after-inverse')) return withModeFirst(graph)
  return graph
}

/** 11: the inverse row is written when everything else is done. */
function withInverseLast({ store, onFollowers }: Graph): Graph {
  let later: FollowChange | null = null
  return {
    store: {
      ...store,
      async applyFollow(change) {
        later = change
        return { state: change.state, version: change.version, followerCount: 0 }
      },
    },
    async onFollowers(author) {
      const applied = later === null ? null : await store.applyFollow(later)
      if (applied !== null) await onFollowers(author, applied.followerCount)
    },
  }
}

/** 12: the author's mode is read before the inverse row stands. */
function withModeFirst({ store, onFollowers }: Graph): Graph {
  let mode: AuthorMode | null = null
  return {
    onFollowers,
    store: {
      ...store,
      async applyFollow(change) {
        mode = (await store.standing(change.followerId, change.followeeId)).mode
        return store.applyFollow(change)
      },
      async standing(reader, author) {
        const standing = await store.standing(reader, author)
        return { ...standing, mode: mode ?? standing.mode }
      },
    },
  }
}

export function brokenFanout({ without }: Stage, store: FanoutStore, stamps: ReadonlyMap<Id, AuthorMode>): FanoutStore {
  if (without('newest-mode-counts')) return withStampedModes(store, stamps)
  if (without('crossing-through-both')) return withoutBoth(store)
  return store
}

/** 12: a post is handled in the mode in which it was made. */
function withStampedModes(store: FanoutStore, stamps: ReadonlyMap<Id, AuthorMode>): FanoutStore {
  return {
    ...store,
    async target(id) {
      const target = await store.target(id)
      return target && { ...target, appliedMode: stamps.get(id) ?? target.appliedMode }
    },
  }
}

/** 12: straight from push to pull, and back. */
function withoutBoth(store: FanoutStore): FanoutStore {
  return {
    ...store,
    changeMode(author, from, to, event) {
      const mode = to !== 'both' ? to : event.data.up ? 'pull' : 'push'
      return store.changeMode(author, from, mode, { ...event, data: { ...event.data, mode } })
    },
  }
}

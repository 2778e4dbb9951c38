/**
 * Posts by id, bounded in bytes. Eviction is CLOCK (Corbató 1968): a post that was read since the hand last passed gets
 * another round. A hit costs one flag, where a least-recently-used list would be re-linked a hundred times a feed.
 */
import type { FeedPost } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import type { Counts } from '#core/timeline/index.ts'

interface Slot {
  post: FeedPost
  bytes: number
  touched: boolean
}

/** A post beside its JSON: the objects, the key and the map's entry, as measured with heap snapshots, rounded up. */
const OVERHEAD_BYTES = 400

export class PostCache {
  private readonly slots = new Map<Id, Slot>()
  private readonly capacity: number
  private used = 0

  /** @param capacity bytes; 0 keeps nothing */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  get bytes(): number {
    return this.used
  }

  get size(): number {
    return this.slots.size
  }

  get(id: Id): FeedPost | undefined {
    const slot = this.slots.get(id)
    if (slot === undefined) return undefined
    slot.touched = true
    return slot.post
  }

  set(post: FeedPost): void {
    this.delete(post.id)
    const bytes = post.size + OVERHEAD_BYTES
    if (bytes > this.capacity) return
    this.evict(this.capacity - bytes)
    this.slots.set(post.id, { post, bytes, touched: false })
    this.used += bytes
  }

  /** New counts of a post, if it is here. */
  setCounts(id: Id, counts: Counts): void {
    const slot = this.slots.get(id)
    if (slot !== undefined) slot.post.counts = counts
  }

  delete(id: Id): void {
    const slot = this.slots.get(id)
    if (slot === undefined) return
    this.slots.delete(id)
    this.used -= slot.bytes
  }

  deleteWhere(matches: (post: FeedPost) => boolean): void {
    for (const [id, { post }] of this.slots) if (matches(post)) this.delete(id)
  }

  clear(): void {
    this.slots.clear()
    this.used = 0
  }

  /** The map's order is the clock: a touched post moves behind the hand, an untouched one goes. */
  private evict(room: number): void {
    for (const [id, slot] of this.slots) {
      if (this.used <= room) return
      if (slot.touched) {
        slot.touched = false
        this.slots.delete(id)
        this.slots.set(id, slot)
      } else this.delete(id)
    }
  }
}

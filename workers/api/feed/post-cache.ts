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

/**
 * Where a post lies: the last nine digits of its id, which fit a small integer. An id that has just come as text would have to
 * be looked up among all strings before a map could find it, two hundred times a feed. Of two posts with one place (of a
 * billion) the later one stays.
 */
function placeOf(id: Id): number {
  let place = 0
  for (let i = Math.max(0, id.length - 9); i < id.length; i++) place = place * 10 + id.charCodeAt(i) - 48
  return place
}

export class PostCache {
  private readonly slots = new Map<number, Slot>()
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
    const slot = this.slotOf(id)
    if (slot === undefined) return undefined
    slot.touched = true
    return slot.post
  }

  set(post: FeedPost): void {
    const place = placeOf(post.id)
    this.remove(place)
    const bytes = post.size + OVERHEAD_BYTES
    if (bytes > this.capacity) return
    this.evict(this.capacity - bytes)
    this.slots.set(place, { post, bytes, touched: false })
    this.used += bytes
  }

  /** New counts of a post, if it is here. */
  setCounts(id: Id, counts: Counts): void {
    const slot = this.slotOf(id)
    if (slot !== undefined) slot.post.counts = counts
  }

  delete(id: Id): void {
    if (this.slotOf(id) !== undefined) this.remove(placeOf(id))
  }

  deleteWhere(matches: (post: FeedPost) => boolean): void {
    for (const [place, { post }] of this.slots) if (matches(post)) this.remove(place)
  }

  clear(): void {
    this.slots.clear()
    this.used = 0
  }

  /** The map's order is the clock: a touched post moves behind the hand, an untouched one goes. */
  private evict(room: number): void {
    for (const [place, slot] of this.slots) {
      if (this.used <= room) return
      if (slot.touched) {
        slot.touched = false
        this.slots.delete(place)
        this.slots.set(place, slot)
      } else this.remove(place)
    }
  }

  private slotOf(id: Id): Slot | undefined {
    const slot = this.slots.get(placeOf(id))
    return slot?.post.id === id ? slot : undefined
  }

  private remove(place: number): void {
    const slot = this.slots.get(place)
    if (slot === undefined) return
    this.slots.delete(place)
    this.used -= slot.bytes
  }
}

/**
 * Posts by id, bounded in bytes, in two queues after S3-FIFO (Yang et al. 2023): half of what a feed reads nobody reads again,
 * and it would push out what many read. So a newcomer goes soon, unless it is read once more; what was stays, and there
 * eviction is CLOCK (Corbató 1968): a post that was read since the hand last passed gets another round. A hit costs one flag of
 * the post itself, where a least-recently-used list would be re-linked a hundred times a feed.
 */
import type { FeedPost } from '#core/feed/index.ts'
import { leadOf, placeOf } from '#core/id-set.ts'
import type { Id } from '#core/ids.ts'
import { OldestFirst } from '#core/oldest-first.ts'
import type { Counts } from '#core/timeline/index.ts'

/** A post beside its JSON: the objects, the key and the map's entry, as measured with heap snapshots, rounded up. */
const OVERHEAD_BYTES = 400

const bytesOf = (post: FeedPost): number => post.size + OVERHEAD_BYTES

/** Of the capacity, what newcomers may take once all of it is in use. */
const NEWCOMERS = 0.05

/** Posts by the last digits of their ids, oldest first. Of two with the same (of a billion) the later one stays. */
class Queue extends OldestFirst<number, FeedPost> {
  bytes = 0

  push(place: number, post: FeedPost): void {
    post.touched = false
    this.set(place, post)
    this.bytes += bytesOf(post)
  }

  take(place: number): boolean {
    const post = this.get(place)
    if (post === undefined) return false
    this.delete(place)
    this.bytes -= bytesOf(post)
    return true
  }

  override shift(): [number, FeedPost] | null {
    const oldest = super.shift()
    if (oldest !== null) this.bytes -= bytesOf(oldest[1])
    return oldest
  }

  override clear(): void {
    super.clear()
    this.bytes = 0
  }
}

export class PostCache {
  private readonly newcomers = new Queue()
  private readonly kept = new Queue()
  private readonly capacity: number

  /** @param capacity bytes; 0 keeps nothing */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  get bytes(): number {
    return this.newcomers.bytes + this.kept.bytes
  }

  get size(): number {
    return this.newcomers.size + this.kept.size
  }

  get(id: Id): FeedPost | undefined {
    const post = this.find(id)
    // Not written where it stands: what is only read, the core's cache need not write back.
    if (post !== undefined && !post.touched) post.touched = true
    return post
  }

  set(post: FeedPost): void {
    const place = placeOf(post.id)
    this.remove(place)
    const bytes = bytesOf(post)
    if (bytes > this.capacity) return
    this.evict(this.capacity - bytes)
    this.newcomers.push(place, post)
  }

  /** New counts of a post, if it is here. */
  setCounts(id: Id, counts: Counts): void {
    const post = this.find(id)
    post?.count(counts)
  }

  delete(id: Id): void {
    if (this.find(id) !== undefined) this.remove(placeOf(id))
  }

  deleteWhere(matches: (post: FeedPost) => boolean): void {
    for (const queue of [this.newcomers, this.kept]) {
      for (const [place, post] of queue) if (matches(post)) queue.take(place)
    }
  }

  clear(): void {
    this.newcomers.clear()
    this.kept.clear()
  }

  private evict(room: number): void {
    while (this.bytes > room) {
      const isFromNewcomers = this.kept.size === 0 || this.newcomers.bytes > this.capacity * NEWCOMERS
      const oldest = (isFromNewcomers ? this.newcomers : this.kept).shift()
      if (oldest === null) return
      const [place, post] = oldest
      if (post.touched) this.kept.push(place, post)
    }
  }

  private find(id: Id): FeedPost | undefined {
    const place = placeOf(id)
    const post = this.kept.get(place) ?? this.newcomers.get(place)
    return post?.lead === leadOf(id) ? post : undefined
  }

  private remove(place: number): void {
    if (!this.kept.take(place)) this.newcomers.take(place)
  }
}

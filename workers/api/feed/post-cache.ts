/**
 * Posts by id, bounded in bytes. Eviction is CLOCK (Corbató 1968): a post that was read since the hand last passed gets
 * another round. A hit costs one flag of the post itself, where a least-recently-used list would be re-linked a hundred times a feed.
 */
import type { FeedPost } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import type { Counts } from '#core/timeline/index.ts'

/** A post beside its JSON: the objects, the key and the map's entry, as measured with heap snapshots, rounded up. */
const OVERHEAD_BYTES = 400

const bytesOf = (post: FeedPost): number => post.size + OVERHEAD_BYTES

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
  private readonly posts = new Map<number, FeedPost>()
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
    return this.posts.size
  }

  get(id: Id): FeedPost | undefined {
    const post = this.find(id)
    if (post !== undefined) post.touched = true
    return post
  }

  set(post: FeedPost): void {
    const place = placeOf(post.id)
    this.remove(place)
    const bytes = bytesOf(post)
    if (bytes > this.capacity) return
    this.evict(this.capacity - bytes)
    post.touched = false
    this.posts.set(place, post)
    this.used += bytes
  }

  /** New counts of a post, if it is here. */
  setCounts(id: Id, counts: Counts): void {
    const post = this.find(id)
    if (post !== undefined) post.counts = counts
  }

  delete(id: Id): void {
    if (this.find(id) !== undefined) this.remove(placeOf(id))
  }

  deleteWhere(matches: (post: FeedPost) => boolean): void {
    for (const [place, post] of this.posts) if (matches(post)) this.remove(place)
  }

  clear(): void {
    this.posts.clear()
    this.used = 0
  }

  /** The map's order is the clock: a touched post moves behind the hand, an untouched one goes. */
  private evict(room: number): void {
    for (const [place, post] of this.posts) {
      if (this.used <= room) return
      if (post.touched) {
        post.touched = false
        this.posts.delete(place)
        this.posts.set(place, post)
      } else this.remove(place)
    }
  }

  private find(id: Id): FeedPost | undefined {
    const post = this.posts.get(placeOf(id))
    return post?.id === id ? post : undefined
  }

  private remove(place: number): void {
    const post = this.posts.get(place)
    if (post === undefined) return
    this.posts.delete(place)
    this.used -= bytesOf(post)
  }
}

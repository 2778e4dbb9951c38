/**
 * What this isolate remembers between requests: posts ready to be joined into answers, celebrities' lists, the slate.
 * All of it is plain data, bounded, and never more than a delta behind: an isolate whose last delta is older than the
 * delta's retention forgets everything (docs/correctness.md, rule 9).
 */
import type { FeedPost, SlateEntry } from '#core/feed/index.ts'
import { compareIds, type Id } from '#core/ids.ts'
import { TTL } from '#core/keys.ts'
import type { Reply } from '#core/redis.ts'
import { type AuthorList, type Change, parseDelta, type UserRecord } from '#core/timeline/index.ts'
import { BoundedMap } from './bounded-map.ts'
import { PostCache } from './post-cache.ts'

/** The memory that posts may take; an isolate has 128 MB for everything. */
const POST_CACHE_BYTES = 32 * 1024 * 1024
export const CELEBRITY_LISTS = 400
const CACHED_USERS = 20_000
const DELTA_EVERY_MS = 1_000
const DISTRUSTED_READERS = 1_000
const CHANGED = 10_000
/** What nobody has is asked for once in so long, not at every read of a list that still names it. */
const ABSENT = Object.freeze({ most: 5_000, ms: 5_000 })
/** By then the event of the change has put Redis right, or Redis is away and Postgres is asked anyway. */
const DISTRUST_MS = 60_000

export interface IsolateOptions {
  /** Bytes for cached posts; 0 switches the cache off, which the bench does to measure a cold read. */
  postCacheBytes?: number
  /** Told of each session that ended, as the delta brings it; repeatedly, since reads of it overlap. */
  onSessionRevoked?: (sessionId: string) => void
  /** Told that changes may have been missed: the last delta is older than the delta's retention. */
  onForget?: () => void
}

export class FeedIsolate {
  readonly posts: PostCache
  readonly celebrities = new BoundedMap<Id, AuthorList>(CELEBRITY_LISTS)
  readonly users = new BoundedMap<Id, UserRecord>(CACHED_USERS)
  /** Readers whose hidden authors changed while Redis did not take it, and until when Postgres is asked instead. */
  private readonly distrusted = new BoundedMap<Id, number>(DISTRUSTED_READERS)
  /** Ids of posts and people that Postgres did not know, and until when that is believed. */
  private readonly absent = new BoundedMap<Id, number>(ABSENT.most)
  /** Posts that were deleted and people who changed, and when this was asked for: a page from before may not show them. */
  private readonly changed = new BoundedMap<Id, number>(CHANGED)
  slate: SlateEntry[] = []
  trending: { id: Id; score: number }[] = []
  private readonly onSessionRevoked: (sessionId: string) => void
  private readonly onForget: () => void
  private sharedReadMs = 0
  private deltaSinceMs = 0
  /** When a delta was last asked for, and when one was last read: an outage must not pass for a series of reads. */
  private deltaAskedMs = 0
  private deltaReadMs = 0
  private wholeSinceMs = Number.POSITIVE_INFINITY

  constructor(options: IsolateOptions = {}) {
    this.posts = new PostCache(options.postCacheBytes ?? POST_CACHE_BYTES)
    this.onSessionRevoked = options.onSessionRevoked ?? (() => {})
    this.onForget = options.onForget ?? (() => {})
  }

  /**
   * Whether this request should read the delta along with its pipeline; about once a second one does. Answers since when,
   * or null.
   */
  deltaDue(nowMs: number): number | null {
    return nowMs - this.deltaAskedMs < DELTA_EVERY_MS ? null : this.askDelta(nowMs)
  }

  /** For a request that reads the delta now, whoever else does: since when. */
  askDelta(nowMs: number): number {
    if (nowMs - this.deltaReadMs > TTL.delta * 1000) this.forget(nowMs)
    this.deltaAskedMs = nowMs
    return this.deltaSinceMs
  }

  /** Milliseconds since the newest read of the delta was sent: how far behind this isolate may be. */
  deltaAgeMs(nowMs: number): number {
    return nowMs - this.deltaReadMs
  }

  /** @param askedMs when the delta was asked for: what was announced later comes with the next one */
  applyDelta(reply: Reply | undefined, sinceMs: number, askedMs: number): void {
    const delta = parseDelta(reply, sinceMs)
    for (const change of delta.changes) this.apply(change, askedMs)
    this.deltaSinceMs = Math.max(this.deltaSinceMs, delta.newestMs)
    this.deltaReadMs = Math.max(this.deltaReadMs, askedMs)
  }

  /** What rode along could not be read: the next request tries again. */
  readsFailed(delta: boolean, shared: boolean): void {
    if (delta) this.deltaAskedMs = 0
    if (shared) this.sharedReadMs = 0
  }

  /** Redis may show what was hidden just now: for a while this reader's hidden authors come from Postgres. */
  distrustHidden(reader: Id, nowMs: number): void {
    this.distrusted.set(reader, nowMs + DISTRUST_MS)
  }

  trustsHidden(reader: Id, nowMs: number): boolean {
    return (this.distrusted.get(reader) ?? 0) < nowMs
  }

  /** Whether this isolate has heard since then that a post was deleted, or that a person (hence perhaps who sees them) changed. */
  hasChangedSince(id: Id, ms: number): boolean {
    return (this.changed.get(id) ?? Number.NEGATIVE_INFINITY) >= ms
  }

  /** Since when this isolate has missed no change, and forgotten none, in ms since 1970. */
  get heardSinceMs(): number {
    return this.wholeSinceMs
  }

  /** Postgres was asked and has none of these. */
  noteAbsent(ids: Iterable<Id>, nowMs: number): void {
    for (const id of ids) this.absent.set(id, nowMs + ABSENT.ms)
  }

  isAbsent(id: Id, nowMs: number): boolean {
    return this.absent.size > 0 && (this.absent.get(id) ?? 0) > nowMs
  }

  /** Once a minute: the slate and what is trending. */
  sharedDue(nowMs: number): boolean {
    if (nowMs - this.sharedReadMs < TTL.adsSlate * 1000) return false
    this.sharedReadMs = nowMs
    return true
  }

  private apply(change: Change, askedMs: number): void {
    switch (change.kind) {
      case 'counts':
        this.posts.setCounts(change.post, { likes: change.likes, comments: change.comments })
        break
      case 'deleted':
        this.noteChanged(change.post, askedMs)
        this.posts.delete(change.post)
        break
      case 'celebrity-post':
        this.addCelebrityPost(change.author, change.post)
        break
      case 'user':
        this.noteChanged(change.user, askedMs)
        this.users.delete(change.user)
        this.posts.deleteWhere((post: FeedPost) => post.authorId === change.user)
        break
      case 'session':
        this.onSessionRevoked(change.session)
        break
    }
  }

  /** What it forgets for want of room it has not heard: pages from before are none. */
  private noteChanged(id: Id, askedMs: number): void {
    this.changed.delete(id)
    const forgotten = this.changed.size < CHANGED ? null : this.changed.shift()
    if (forgotten !== null) this.wholeSinceMs = Math.max(this.wholeSinceMs, forgotten[1] + 1)
    this.changed.set(id, askedMs)
  }

  private addCelebrityPost(author: Id, id: Id): void {
    const list = this.celebrities.get(author)
    if (list === undefined || list.ids.includes(id)) return
    const ids = [id, ...list.ids].sort((a, b) => compareIds(b, a))
    this.celebrities.set(author, { ...list, ids })
  }

  private forget(nowMs: number): void {
    this.posts.clear()
    this.celebrities.clear()
    this.users.clear()
    this.absent.clear()
    this.onForget()
    this.deltaSinceMs = nowMs
    this.wholeSinceMs = nowMs
  }
}

/**
 * Every Redis key of Tideline, in one place; docs/storage-schema.md explains them. `{u}` is a literal hash tag: all keys
 * of one person share a slot of a Redis Cluster, so one pipeline to one node reads a feed's candidates.
 */
import type { Id } from './ids.ts'
import { slotTag } from './redis-slots.ts'

/** Seconds that a key lives. Those of readers are renewed by reads only. */
export const TTL = Object.freeze({
  timeline: 86_400,
  reader: 86_400,
  author: 7 * 86_400,
  post: 3_600,
  user: 3_600,
  seen: 7 * 86_400,
  adcap: 86_400,
  delta: 600,
  trend: 3_600,
  adsSlate: 60,
  idempotency: 86_400,
  rebuildPlaceholder: 60,
  /** Far longer than a rebuild takes; after one that died, so long a cold reader is served page by page. */
  rebuildTurn: 5,
  /** Far longer than a like may be under way from the store to Redis, and than a rebuild of liked sets takes. */
  unliked: 600,
  /** Of a post whose counts have not changed for so long: its row has them, and its next like has it recounted. */
  counts: 30 * 86_400,
  /** Longer than its counts: a counter that is begun anew is never believed. */
  counterShard: 31 * 86_400,
  /** An access token's life and the hour of grace after it: longer, nobody accepts it anyway. */
  revoked: 900 + 3_600,
  signInAttempts: 300,
})

/** How much earlier and later than said a spread life may end. */
const SPREAD = 0.1

/**
 * Seconds that differ by up to a tenth from id to id. What is written together, as all posts of a page after Redis was lost, does
 * not end together then, and its readers do not all come to Postgres in the same second. By the id (multiplicative hashing, Knuth
 * 6.4), so that it needs no chance, and a repetition changes nothing.
 */
export function spreadLife(seconds: number, id: Id): number {
  const share = (Math.imul(Number(id.slice(-9)), 0x9e3779b1) >>> 0) / 2 ** 32
  return Math.round(seconds * (1 + SPREAD * (2 * share - 1)))
}

/** The longest of them: what must outlive a key of a spread life. */
export const longestLife = (seconds: number): number => Math.ceil(seconds * (1 + SPREAD))

/** The member that marks a timeline as complete down to its score, the floor. No mark: cold. */
export const MARK = '~'

/** The sentinel of a derived set: absent is not empty (its suffix carries the version or floor). */
export const SENTINEL = '~'

export const keys = {
  timeline: (user: Id) => `timeline:{${user}}`,
  hidden: (user: Id) => `hidden:{${user}}`,
  celebs: (user: Id) => `celebs:{${user}}`,
  graph: (user: Id) => `graph:{${user}}`,
  /** Stands while somebody rebuilds this person's timeline. */
  rebuild: (user: Id) => `rebuild:{${user}}`,
  rec: (user: Id) => `rec:{${user}}`,
  liked: (user: Id) => `liked:{${user}}`,
  /** zset, score = instant of the removal: likes taken back of late, so that an older like that comes later is refused. */
  unliked: (user: Id) => `unliked:{${user}}`,
  seen: (user: Id) => `seen:{${user}}`,
  adcap: (user: Id) => `adcap:{${user}}`,
  idempotency: (user: Id, key: string) => `idem:{${user}}:${key}`,
  /** Stands for a while after a write of this person's: their reads may not lag behind it. */
  wrote: (user: Id) => `wrote:{${user}}`,
  author: (author: Id) => `author:${author}`,
  post: (post: Id) => `post:text:${post}`,
  user: (user: Id) => `user:${user}`,
  counts: (post: Id) => `counts:${post}`,
  likeShard: (post: Id, shard: number) => `post:likes:${post}:shard${shard}`,
  commentShard: (post: Id, shard: number) => `post:comments:${post}:shard${shard}`,
  delta: () => 'delta',
  trend: (kind: 'posts' | 'hashtags') => `trend:${kind}`,
  adsSlate: () => 'ads:slate',
  /** string: which databases have a replica that is near enough to be read (core/replicas.ts). */
  replicas: () => 'replicas',
  /** zset, score = ms of the last move: posts whose counts may differ from the store. Survives a kill of the counters' process. */
  dirtyCounts: () => 'counts:dirty',
  /** set: posts whose counters are spread over all shards. */
  spreadCounts: () => 'counts:spread',
  /** `<ms>:<run id>`, written every second: how far Redis remembers. In a cluster each master has one, in a slot of its own. */
  heartbeat: (slot: number | null = null) =>
    slot === null ? 'origin:heartbeat' : `origin:heartbeat:{${slotTag(slot)}}`,
  /** string: who runs a job of which one at a time is enough. */
  lease: (job: string) => `lease:${job}`,
  /** string: how far a job that walks over everything has come. Gone: it begins anew. */
  progress: (job: string) => `progress:${job}`,
  /** zset, score = ms since when Redis may have lost writes: losses after which likes and comments are still to be derived again. */
  losses: () => 'engagement:losses',
  /** Stands while access tokens of an ended session could still be accepted. */
  revoked: (session: string) => `revoked:${session}`,
  /** string, JSON Web Key Set: the public keys that access tokens are checked with. */
  jwks: () => 'jwks',
  /** counter: sign-ins tried for one login (as a hash: no addresses in Redis). */
  signInAttempts: (loginHash: string) => `signin:${loginHash}`,
} as const

/** What is killed, and what each outage allows (docs/correctness.md, 27; ARCHITECTURE.md, "When something is away"). */
import { ROLES } from '../../../origin/config.ts'
import type { PostAnswer } from '../../e2e/person.ts'
import type { Fault, Seen } from './round.ts'
import { together } from './victim.ts'

/**
 * The origin opens each picture within the edge's two seconds, or not, on cores that start servers. `picture 0` is an upload that
 * failed before its end.
 */
const PICTURES = /^picture (0|503)$/
/** The client tries again. */
const WITHOUT_POSTGRES = /^((like|unlike|comment|edit|uncomment|share|deletion|follow|unfollow|picture) 503|picture 0)$/

/** Whole, as always. */
const SERVED = /^200$/
/** Slower, too. */
const FROM_POSTGRES = /^200( redis(, late)?)?$/
const WITHOUT_WRITES = /^200( postgres)?$/
const FROM_CACHES = /^200( (postgres|stale|redis|redis, postgres|postgres, redis))?$/

/** Where what is away has no part in a write. */
const ACCEPTED = [/^post 201$/, /^like 200$/, /^comment 201$/, /^follow 200$/]
const POSTS_WAIT = [/^post 202$/]
/** Likes and comments are the origin's; posts and follows need the gateway only. */
const ENGAGEMENT_WAITS = [/^post 201$/, /^follow 200$/, /^like 202$/, /^comment 202$/]

const SEARCH_REFUSED: Seen = {
  what: 'a search that is answered 503, with when to try again',
  async look({ readers: [reader] }) {
    const answer = await reader?.call('GET', '/v1/search/posts?q=anything')
    return answer?.status === 503 && answer.headers.has('retry-after')
  },
}

const UPLOADS_REFUSED: Seen = {
  what: 'an upload that is refused 503, with when to try again',
  async look({ readers: [reader] }) {
    const announced = { contentType: 'image/jpeg', bytes: 1_000 }
    const upload = await reader?.call<{ id: string }>('POST', '/v1/media', announced)
    const answer = await reader?.call('POST', `/v1/media/${upload?.body.id}/complete`, {})
    return answer?.status === 503 && answer.headers.has('retry-after')
  },
}

const COUNTS_STAND: Seen = {
  what: 'a feed with the counts that were last known',
  async look({ followers: [reader], liked }) {
    const page = await reader?.call<PostAnswer>('GET', `/v1/posts/${liked.id}`)
    return page?.body.likeCount === liked.likes
  },
}

const OUTBOX_HOLDS: Seen = {
  what: 'rows that stay in the outbox',
  async look({ platform }) {
    const waiting = await platform.stores.sql(
      `SELECT 1 FROM outbox WHERE published_at IS NULL AND created_at < now() - interval '2 seconds' LIMIT 1`,
    )
    return waiting.length > 0
  },
}

/** Takes its ten to forty seconds to start, and is away for so long anyway. */
const SLOW = { awayMs: 500 }

const fault = (name: string, victims: Fault['victims'], more: Partial<Fault> = {}): Fault => ({
  name,
  victims,
  served: SERVED,
  refused: /^$/,
  spared: PICTURES,
  answered: ACCEPTED,
  ...more,
})

/** On every profile. */
export const commonFaults: Readonly<Record<string, Fault>> = {
  'Cassandra killed: likes and comments wait in the queue': fault(
    'cassandra',
    ({ servers }) => [servers.first('cassandra')],
    { ...SLOW, seen: COUNTS_STAND, answered: ENGAGEMENT_WAITS },
  ),
  'Elasticsearch killed: search says so, the index catches up': fault(
    'elasticsearch',
    ({ servers }) => [servers.first('elasticsearch')],
    { ...SLOW, seen: SEARCH_REFUSED },
  ),
  'the S3 server killed: uploads are refused, pictures come from the cache, all else goes on': fault(
    'seaweedfs',
    ({ servers }) => [servers.first('seaweedfs')],
    { seen: UPLOADS_REFUSED, refused: PICTURES, answered: [...ACCEPTED, /^picture (0|503)( busy)?$/] },
  ),
  'Postgres killed: warm readers read on, posts wait in the queue': fault(
    'postgres',
    ({ servers }) => [servers.first('postgres')],
    { served: WITHOUT_WRITES, refused: WITHOUT_POSTGRES, answered: POSTS_WAIT },
  ),
  'each role of the origin killed by itself, but the gateway: feeds are served': fault(
    'roles',
    ({ origin }) => ROLES.filter((role) => role !== 'gateway').map((role) => origin.role(role)),
    { awayMs: 500, refused: PICTURES },
  ),
  'all roles of the origin killed at once, but the gateway: feeds are served, likes wait in the queue': fault(
    'allroles',
    ({ origin }) => [origin.roles],
    { refused: PICTURES, answered: ENGAGEMENT_WAITS },
  ),
  'the gateway killed: the last page is shown, posts wait in the queue': fault(
    'gateway',
    ({ origin }) => [origin.role('gateway')],
    { served: FROM_CACHES, shows: /stale/, refused: WITHOUT_POSTGRES, answered: POSTS_WAIT },
  ),
  'the whole origin killed: the last page is shown, posts wait in the queue': fault(
    'origin',
    ({ origin }) => [together('the origin', [origin.role('gateway'), origin.roles])],
    { served: FROM_CACHES, shows: /stale/, refused: WITHOUT_POSTGRES, answered: POSTS_WAIT },
  ),
}

/** Of one each. */
export const smallFaults: Readonly<Record<string, Fault>> = {
  'Kafka killed: the outbox holds what the log cannot take': fault('kafka', ({ servers }) => [servers.first('kafka')], {
    ...SLOW,
    seen: OUTBOX_HOLDS,
    answered: ENGAGEMENT_WAITS,
  }),
  'Valkey killed: feeds come from Postgres': fault('valkey', ({ servers }) => [servers.masterOfFirstSlot()], {
    served: FROM_POSTGRES,
    shows: /redis/,
    mayLackCounters: true,
  }),
}

/** Where others stand in for the one that dies. */
export const clusterFaults: Readonly<Record<string, Fault>> = {
  'the leader of a partition killed, one of three brokers': fault(
    'broker',
    ({ servers, topicPrefix }) => [servers.leaderOf(`${topicPrefix}post.created`)],
    // Until the others no longer wait for it, the log takes nothing, and likes wait in the queue.
    { ...SLOW, answered: [/^post 201$/, /^follow 200$/] },
  ),
  'the second database killed: what lies in the first goes on': fault(
    'second',
    ({ servers }) => [servers.named('postgres-2')],
    { served: WITHOUT_WRITES, refused: WITHOUT_POSTGRES, answered: [/^post 201$/, /^post 202$/] },
  ),
  'a primary killed, its synchronous standby promoted in its place': fault(
    'promoted',
    ({ servers }) => [servers.succeeded('postgres-1')],
    { served: WITHOUT_WRITES, refused: WITHOUT_POSTGRES, answered: POSTS_WAIT },
  ),
  'a standby killed: its primary acknowledges nothing until it is back': fault(
    'standby',
    ({ servers }) => [servers.named('postgres-2-replica')],
    { served: WITHOUT_WRITES, refused: WITHOUT_POSTGRES, answered: [/^post 201$/] },
  ),
  'a master of Valkey Cluster killed, then the replica that took over': fault(
    'valkey',
    ({ servers }) => [servers.masterOfFirstSlot(), servers.masterOfFirstSlot()],
    { served: FROM_POSTGRES, mayLackCounters: true },
  ),
}

/**
 * author:<a>: an author's newest posts, what readers of a celebrity merge. Marked like a timeline: `~` scored with the
 * floor down to which the list is whole. Writers add without looking: a list that is not marked is rebuilt before use,
 * and a rebuild only adds, so a post written meanwhile stays.
 */
import type { FanoutPolicy } from '../fanout-policy.ts'
import { type Id, idMs } from '../ids.ts'
import { keys, MARK, spreadLife, TTL } from '../keys.ts'
import { type Command, type RedisPort, type Reply, scored } from '../redis.ts'
import { type FollowedPosts, floorOf } from './rebuild.ts'
import { trimSortedSet } from './timeline.ts'

export interface AuthorList {
  author: Id
  floor: number
  /** Newest first, none below the floor. */
  ids: Id[]
}

/** Lists are trimmed now and then: up to twice their length is looked through for the mark. */
const asked = (policy: Pick<FanoutPolicy, 'authorLength'>) => policy.authorLength * 2 + 1

export const readAuthorList = (author: Id, policy: Pick<FanoutPolicy, 'authorLength'>): Command => [
  'ZRANGE',
  keys.author(author),
  0,
  asked(policy) - 1,
  'REV',
  'WITHSCORES',
]

/**
 * Null when unknown. The mark sorts before the posts of its own millisecond: a reply that was cut there may lack some, so
 * the list is whole from the next millisecond on.
 */
export function parseAuthorList(
  author: Id,
  reply: Reply | undefined,
  policy: Pick<FanoutPolicy, 'authorLength'>,
): AuthorList | null {
  const pairs = scored(reply)
  const mark = pairs.find(([member]) => member === MARK)
  if (mark === undefined) return null
  const lowest = pairs.at(-1)?.[1] ?? 0
  const floor = pairs.length === asked(policy) && lowest === mark[1] ? lowest + 1 : mark[1]
  const ids = pairs.filter(([id, ms]) => id !== MARK && ms >= floor).map(([id]) => id)
  return { author, floor, ids }
}

/** How long the list lives still: the companion of `readAuthorList`. */
export const authorListLife = (author: Id): Command => ['TTL', keys.author(author)]

/** Whether a list that stands is soon to end, from the reply of `authorListLife`. */
export const endsSoon = (life: Reply | undefined): boolean => Number(life) >= 0 && Number(life) < TTL.author / 10

/** Asks for the making anew of a list that ends soon: 'OK' for one alone, who is given a minute. */
export const claimAuthorList = (author: Id, token: string): Command => [
  'SET',
  keys.lease(`author:${author}`),
  token,
  'NX',
  'EX',
  TTL.rebuildPlaceholder,
]

export function addToAuthorList(author: Id, post: Id): Command[] {
  const key = keys.author(author)
  return [
    ['ZADD', key, idMs(post), post],
    ['EXPIRE', key, spreadLife(TTL.author, author), 'NX'],
  ]
}

export const removeFromAuthorList = (author: Id, post: Id): Command => ['ZREM', keys.author(author), post]

export const trimAuthorList = (author: Id, policy: Pick<FanoutPolicy, 'authorLength'>): Command =>
  trimSortedSet(keys.author(author), policy.authorLength)

/** An author's list as read from Postgres, and the commands that keep it. The floor only ever rises. */
export function pulledAuthorList(author: Id, posts: FollowedPosts): { list: AuthorList; keep: Command[] } {
  const floor = floorOf(posts)
  const key = keys.author(author)
  const pairs = posts.entries.flatMap((entry) => [entry.ms, entry.id])
  return {
    list: { author, floor, ids: posts.entries.filter((entry) => entry.ms >= floor).map(({ id }) => id) },
    // One command: a mark must never stand in a key without the posts that it vouches for.
    keep: [
      ['ZADD', key, 'GT', floor, MARK, ...pairs],
      ['EXPIRE', key, spreadLife(TTL.author, author)],
    ],
  }
}

/** Rebuilds an author's list from Postgres and answers it as read. */
export async function rebuildAuthorList(
  author: Id,
  ports: { redis: RedisPort; authorPosts(author: Id): Promise<FollowedPosts> },
): Promise<AuthorList> {
  const { list, keep } = pulledAuthorList(author, await ports.authorPosts(author))
  await ports.redis.pipeline(keep)
  return list
}

/** Likes, comments and collections around the demo's posts: few posts get most of them. */
import { createIdFactory, type Id, idShard, type Random } from '#core/ids.ts'
import type { DemoFollow } from './graph.ts'
import type { DemoPerson } from './people.ts'
import { BOARDS, COMMENTS, REPLIES } from './phrases.ts'
import type { DemoPost } from './posts.ts'
import { between, logNormal, pick, shuffled } from './random.ts'

export interface DemoLike {
  post: DemoPost
  person: DemoPerson
  atMs: number
}

export interface DemoComment {
  commentId: Id
  parentId: Id | null
  post: DemoPost
  person: DemoPerson
  body: string
  createdMs: number
}

export interface DemoBoard {
  boardId: Id
  owner: DemoPerson
  name: string
  createdMs: number
  posts: DemoPost[]
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** The chance that a follower likes a post of ordinary appeal; strangers come by far more rarely. */
const FOLLOWER_LIKES = 0.22
const STRANGER_LIKES = 0.02
/** Half of a post's likes come in its first hours. */
const HALF_LIFE_MS = 5 * HOUR_MS
const COMMENTS_PER_LIKE = 0.14
const ANSWERED = 0.35
const BOARD_OWNERS = 0.25

export interface EngagementPlan {
  random: Random
  people: readonly DemoPerson[]
  follows: readonly DemoFollow[]
  posts: readonly DemoPost[]
  nowMs: number
}

export function inventLikes({ random, people, follows, posts, nowMs }: EngagementPlan): DemoLike[] {
  const followersOf = new Map<DemoPerson, Set<DemoPerson>>()
  for (const { follower, followee, requested } of follows) {
    if (requested) continue
    followersOf.set(followee, (followersOf.get(followee) ?? new Set()).add(follower))
  }
  return posts.flatMap((post) => {
    const followers = followersOf.get(post.author) ?? new Set()
    const age = nowMs - post.createdMs
    // What is young has been seen by few.
    const seen = 1 - 2 ** (-age / HALF_LIFE_MS)
    return people.flatMap((person) => {
      if (person === post.author) return []
      const isFollower = followers.has(person)
      if (!isFollower && post.author.isPrivate) return []
      const chance = Math.min(0.95, (isFollower ? FOLLOWER_LIKES : STRANGER_LIKES) * post.appeal) * seen
      if (random() >= chance) return []
      // The part of the exponential distribution that lies within the post's life.
      const delay = -Math.log2(1 - random() * seen) * HALF_LIFE_MS
      return [{ post, person, atMs: Math.floor(post.createdMs + delay) }]
    })
  })
}

export function inventComments({ random, nowMs }: EngagementPlan, likes: readonly DemoLike[]): DemoComment[] {
  const likesOf = Map.groupBy(likes, (like) => like.post)
  return [...likesOf].flatMap(([post, ofPost]) => {
    const count = Math.floor(ofPost.length * COMMENTS_PER_LIKE * logNormal(random, 0.8) + random() * 0.6)
    const writers = shuffled(random, ofPost).slice(0, Math.min(count, COMMENTS.length))
    const words = shuffled(random, COMMENTS)
    return writers.flatMap(({ person, atMs }, i) => {
      const createdMs = Math.floor(between(random, atMs, Math.min(nowMs, atMs + 5 * MINUTE_MS)))
      const body = words[i] as string
      const comment = write(random, post, person, body, createdMs, null)
      if (random() >= ANSWERED || nowMs - createdMs < 2 * MINUTE_MS) return [comment]
      const answeredMs = Math.floor(between(random, createdMs + MINUTE_MS, Math.min(nowMs, createdMs + 6 * HOUR_MS)))
      return [comment, write(random, post, post.author, pick(random, REPLIES), answeredMs, comment.commentId)]
    })
  })
}

function write(
  random: Random,
  post: DemoPost,
  person: DemoPerson,
  body: string,
  createdMs: number,
  parentId: Id | null,
): DemoComment {
  const commentId = createIdFactory(() => createdMs, random).next(idShard(person.userId))
  return { commentId, parentId, post, person, body, createdMs }
}

/** Some people keep boards of what they liked. */
export function inventBoards({ random, people, nowMs }: EngagementPlan, likes: readonly DemoLike[]): DemoBoard[] {
  const likesOf = Map.groupBy(likes, (like) => like.person)
  return people.flatMap((owner) => {
    const liked = likesOf.get(owner) ?? []
    if (random() >= BOARD_OWNERS || liked.length === 0) return []
    return shuffled(random, BOARDS)
      .slice(0, 1 + Math.floor(random() * 2))
      .map((name) => {
        const createdMs = Math.floor(between(random, owner.createdMs, nowMs))
        const boardId = createIdFactory(() => createdMs, random).next(idShard(owner.userId))
        const posts = shuffled(random, liked)
          .slice(0, 3 + Math.floor(random() * 9))
          .map((like) => like.post)
        return { boardId, owner, name, createdMs, posts }
      })
  })
}

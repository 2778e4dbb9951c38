/** First recommendations for the demo's people: posts liked by those who like the same, until a trained model has its say. */
import { keys, SENTINEL, TTL } from '#core/keys.ts'
import type { Command } from '#core/redis.ts'
import type { DemoLike } from './engagement.ts'
import type { DemoFollow } from './graph.ts'
import type { DemoPerson } from './people.ts'
import type { DemoPost } from './posts.ts'

const KEPT = 20

/** Best first, scores in (0, 1]. Nothing that the person has liked, wrote, sees by following anyway, or may not see. */
export function recommend(
  people: readonly DemoPerson[],
  follows: readonly DemoFollow[],
  likes: readonly DemoLike[],
): Map<DemoPerson, { post: DemoPost; score: number }[]> {
  const liked = Map.groupBy(likes, (like) => like.person)
  const likers = Map.groupBy(likes, (like) => like.post)
  const followed = Map.groupBy(follows, (follow) => follow.follower)
  return new Map(
    people.map((person) => {
      const own = new Set((liked.get(person) ?? []).map((like) => like.post))
      const near = new Set([person, ...(followed.get(person) ?? []).map((follow) => follow.followee)])
      const scores = new Map<DemoPost, number>()
      for (const [peer, weight] of peersOf(person, own, likers)) {
        for (const { post } of liked.get(peer) ?? []) {
          if (own.has(post) || near.has(post.author) || post.author.isPrivate) continue
          scores.set(post, (scores.get(post) ?? 0) + weight)
        }
      }
      return [person, best(scores, likers)]
    }),
  )
}

/** Who likes the same posts; a post that few like says more (Adamic and Adar, 2003). */
function peersOf(
  person: DemoPerson,
  own: ReadonlySet<DemoPost>,
  likers: ReadonlyMap<DemoPost, readonly DemoLike[]>,
): Map<DemoPerson, number> {
  const peers = new Map<DemoPerson, number>()
  for (const post of own) {
    const list = likers.get(post) ?? []
    for (const like of list) {
      if (like.person === person) continue
      peers.set(like.person, (peers.get(like.person) ?? 0) + 1 / Math.log(1 + list.length))
    }
  }
  return peers
}

/** Divided by the root of a post's likes: otherwise everyone is shown the same few. */
function best(scores: ReadonlyMap<DemoPost, number>, likers: ReadonlyMap<DemoPost, readonly DemoLike[]>) {
  const ranked = [...scores]
    .map(([post, score]) => ({ post, score: score / Math.sqrt(likers.get(post)?.length ?? 1) }))
    .sort((a, b) => b.score - a.score || (a.post.postId < b.post.postId ? -1 : 1))
    .slice(0, KEPT)
  const top = ranked[0]?.score ?? 1
  return ranked.map(({ post, score }) => ({ post, score: Number((score / top).toFixed(4)) }))
}

/** rec:{u}, whole: candidates with their reason, and the sentinel. */
export function writeRecommendations(
  person: DemoPerson,
  posts: readonly { post: DemoPost; score: number }[],
): Command[] {
  const key = keys.rec(person.userId)
  const members = posts.flatMap(({ post, score }) => [score, `${post.postId}:recommended`])
  return [
    ['DEL', key],
    ['ZADD', key, 0, SENTINEL, ...members],
    ['EXPIRE', key, TTL.reader],
  ]
}

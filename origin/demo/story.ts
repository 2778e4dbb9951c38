/** The whole of the demo as data, before anything is written: a function of the seed, the instant and the sizes. */
import type { Id } from '#core/ids.ts'
import {
  type DemoBoard,
  type DemoComment,
  type DemoLike,
  inventBoards,
  inventComments,
  inventLikes,
} from './engagement.ts'
import { type DemoFollow, growGraph } from './graph.ts'
import { type DemoPerson, inventPeople } from './people.ts'
import type { Photos } from './photos.ts'
import { type DemoPicture, type DemoPost, dealPhotos, inventPosts, picture } from './posts.ts'
import { seededRandom } from './random.ts'
import { TOPICS } from './topics.ts'

export interface DemoSize {
  seed: string
  people: number
  posts: number
}

export interface Story {
  people: DemoPerson[]
  follows: DemoFollow[]
  posts: DemoPost[]
  avatars: Map<DemoPerson, DemoPicture>
  likes: DemoLike[]
  comments: DemoComment[]
  boards: DemoBoard[]
  /** Active follows of each person, by the person's id. */
  followers: Map<Id, number>
  following: Map<Id, number>
}

const SECOND_MS = 1_000

/** Each part draws from its own stream of chance, so that a change to one leaves the others as they were. */
const stream = (seed: string, part: string) => seededRandom(`${seed}/${part}`)

export const inventRoster = ({ seed, people }: DemoSize, nowMs: number): DemoPerson[] =>
  inventPeople(stream(seed, 'people'), people, nowMs)

export function inventStory(size: DemoSize, photos: Photos, nowMs: number): Story {
  const people = inventRoster(size, nowMs)
  const follows = growGraph(stream(size.seed, 'graph'), people, nowMs)
  const random = stream(size.seed, 'posts')
  const deal = dealPhotos(random, photos)
  const avatars = new Map(people.map((person) => [person, avatarOf(random, person, deal)]))
  const posts = inventPosts({ random, people, photos, deal, count: size.posts, nowMs })
  const plan = { random: stream(size.seed, 'engagement'), people, follows, posts, nowMs }
  const likes = inventLikes(plan)
  const active = follows.filter((follow) => !follow.requested)
  return {
    people,
    follows,
    posts,
    avatars,
    likes,
    comments: inventComments(plan, likes),
    boards: inventBoards(plan, likes),
    followers: countBy(active, (follow) => follow.followee.userId),
    following: countBy(active, (follow) => follow.follower.userId),
  }
}

function avatarOf(random: () => number, person: DemoPerson, deal: ReturnType<typeof dealPhotos>): DemoPicture {
  const subject = person.topics[0]?.classes[0] ?? TOPICS[0]?.classes[0]
  if (subject === undefined) throw new Error('there are no topics')
  return picture(random, person, deal(subject.name), {
    postId: null,
    alt: '',
    createdMs: person.createdMs + SECOND_MS,
  })
}

export function countBy<T>(items: readonly T[], keyOf: (item: T) => Id): Map<Id, number> {
  const counts = new Map<Id, number>()
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return counts
}

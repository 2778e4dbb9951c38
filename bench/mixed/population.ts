/** The people of the mixed bench: who they are, who follows whom, who has posted what. Pure, from a fixed seed. */
import { createIdFactory, type Id, idShard } from '#core/ids.ts'
import { seededRandom } from '../random.ts'
import { zipf } from './zipf.ts'

export const PEOPLE = 100_000
/** Distinct pictures, which posts and people share: to make each of them in four sizes takes most of a minute already. */
export const PICTURES = 250

/** Follows: log-normal with a median of ten, at most 400. */
const MEDIAN_FOLLOWS = 10
const FOLLOWS_SIGMA = 0.9
const MOST_FOLLOWS = 400
/** How unequally people are followed and looked at. */
const POPULARITY = 0.8
const DAYS = 14
const DAY_MS = 86_400_000

export interface Population {
  /** Ids in the order of popularity: the first is followed most. */
  ids: Id[]
  /** follows[i]: places in `ids`. */
  follows: Int32Array[]
  followers: Int32Array
}

export interface AuthoredPost {
  id: Id
  /** Number of its picture. */
  picture: number
}

/** The ids alone, which the load generator needs. */
export function peopleIds(nowMs: number): Id[] {
  const random = seededRandom(21)
  const ids = createIdFactory(() => nowMs - DAYS * DAY_MS, random)
  return Array.from({ length: PEOPLE }, () => ids.next(ids.randomShard()))
}

/** Draws somebody by popularity, as a place in `ids`. */
export const byPopularity = (random: () => number) => zipf(PEOPLE, POPULARITY, random)

export function population(nowMs: number): Population {
  const random = seededRandom(22)
  const draw = byPopularity(random)
  const followers = new Int32Array(PEOPLE)
  const follows = Array.from({ length: PEOPLE }, (_, i) => {
    const wanted = Math.min(
      MOST_FOLLOWS,
      Math.max(1, Math.round(MEDIAN_FOLLOWS * Math.exp(FOLLOWS_SIGMA * normal(random)))),
    )
    const drawn = new Set<number>()
    while (drawn.size < wanted) {
      const other = draw()
      if (other !== i) drawn.add(other)
    }
    for (const other of drawn) followers[other] = (followers[other] ?? 0) + 1
    return Int32Array.from(drawn)
  })
  return { ids: peopleIds(nowMs), follows, followers }
}

/** Box and Muller 1958. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** Whoever is followed more has posted more: two posts at least, two hundred of the most popular. */
export const postsEach = (place: number): number => 2 + Math.floor(200 / Math.sqrt(place + 1))

/** Posts of everybody over the last two weeks, each author's newest first. */
export function allPosts({ ids }: Pick<Population, 'ids'>, nowMs: number): AuthoredPost[][] {
  const random = seededRandom(23)
  let at = nowMs
  const factory = createIdFactory(() => at, random)
  return ids.map((author, place) => {
    const ages = Array.from({ length: postsEach(place) }, () => random() * DAYS * DAY_MS).sort((a, b) => a - b)
    return ages.map((age) => {
      at = Math.floor(nowMs - age)
      return { id: factory.next(idShard(author)), picture: Math.floor(random() * PICTURES) }
    })
  })
}

export const pictureKey = (picture: number): string =>
  `media/${1_000 + picture}/${(picture + 1).toString(16).padStart(16, '0')}.jpg`

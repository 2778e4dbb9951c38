/**
 * The people of the growth bench, who stay the same while posts become more: readers, authors, who follows whom. Pure, from
 * a fixed seed.
 */
import { createIdFactory, type Id, idShard } from '#core/ids.ts'
import type { SeedPost } from '../feed/seed.ts'
import { seededRandom } from '../random.ts'

export const READERS = 1_000
export const AUTHORS = 250
/** Of the authors, so many are celebrities: their posts are merged from their lists instead of being pushed. */
export const CELEBRITIES = 25
/** Enough that already at four posts an author more than a window of a hundred is followed. */
export const FOLLOWS = 40

/** Posts of every size lie in the same days: more posts are more a day. */
const DAYS = 90
const DAY_MS = 86_400_000

export interface World {
  readers: Id[]
  authors: Id[]
  /** follows[i]: places of the authors that reader i follows; those below CELEBRITIES are celebrities. */
  follows: number[][]
}

export function growthWorld(nowMs: number, seed = 5): World {
  const random = seededRandom(seed)
  const ids = createIdFactory(() => nowMs, random)
  const people = (count: number) => Array.from({ length: count }, () => ids.next(ids.randomShard()))
  const [readers, authors] = [people(READERS), people(AUTHORS)]
  const follows = readers.map(() => {
    const followed = new Set<number>()
    while (followed.size < FOLLOWS) followed.add(Math.floor(random() * AUTHORS))
    return [...followed]
  })
  return { readers, authors, follows }
}

/**
 * One author's posts, newest first.
 * @param total posts in the whole system: each author has the same share of them
 */
export function postsOf(author: Id, total: number, nowMs: number, random: () => number): SeedPost[] {
  const times = Array.from({ length: Math.round(total / AUTHORS) }, () => Math.floor(random() * DAYS * DAY_MS))
  let at = nowMs
  const ids = createIdFactory(() => at, random)
  return times
    .sort((a, b) => a - b)
    .map((age) => {
      at = nowMs - age
      return { id: ids.next(idShard(author)), userId: author }
    })
}

/** What the demo's people posted in the last three weeks. */
import { parseHashtags } from '#core/hashtags.ts'
import { createIdFactory, type Id, idShard, type Random } from '#core/ids.ts'
import type { PostMedia } from '#core/timeline/index.ts'
import type { DemoPerson } from './people.ts'
import type { DemoPhoto, Photos } from './photos.ts'
import { between, logNormal, pick, shuffled, weightedIndex } from './random.ts'
import type { PhotoClass } from './topics.ts'

export interface DemoPicture extends PostMedia {
  userId: Id
  /** Null: somebody's avatar. */
  postId: Id | null
  photo: DemoPhoto
  createdMs: number
}

export interface DemoPost {
  postId: Id
  author: DemoPerson
  caption: string
  hashtags: string[]
  pictures: DemoPicture[]
  createdMs: number
  /** How much people like it, relative to others: a few posts travel far. */
  appeal: number
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const WINDOW_MS = 21 * DAY_MS
const RECENT_MS = 2 * DAY_MS
/** This share of the posts is of the last two days, so that a feed begins with today. */
const RECENT_SHARE = 1 / 3
const YOUNGEST_MS = 4 * MINUTE_MS
const CAROUSEL_SHARE = 0.08

/** Deals out photos so that each is used as often as the others. */
export type Dealer = (className: string) => DemoPhoto

export function dealPhotos(random: Random, photos: Photos): Dealer {
  const stacks = new Map<string, DemoPhoto[]>()
  return (className) => {
    let stack = stacks.get(className)
    if (stack === undefined || stack.length === 0) {
      stack = shuffled(random, photos.get(className) ?? [])
      stacks.set(className, stack)
    }
    const photo = stack.pop()
    if (photo === undefined) throw new Error(`ops/demo/photos has no photos of ${className}`)
    return photo
  }
}

export interface PostsPlan {
  random: Random
  people: readonly DemoPerson[]
  photos: Photos
  deal: Dealer
  count: number
  nowMs: number
}

/** Oldest first. */
export function inventPosts(plan: PostsPlan): DemoPost[] {
  const { random, people, count, nowMs } = plan
  const ages = Array.from({ length: count }, (_, i) =>
    i < count * RECENT_SHARE ? between(random, YOUNGEST_MS, RECENT_MS) : between(random, RECENT_MS, WINDOW_MS),
  )
  const weights = people.map((person) => person.activity * Math.sqrt(person.fitness))
  const said = new Map<DemoPerson, Set<string>>()
  return ages
    .sort((a, b) => b - a)
    .map((age) => {
      const author = people[weightedIndex(random, weights)] as DemoPerson
      const already = said.get(author) ?? new Set()
      said.set(author, already)
      return inventPost(plan, author, Math.floor(nowMs - age), already)
    })
}

function inventPost(
  { random, photos, deal }: PostsPlan,
  author: DemoPerson,
  createdMs: number,
  said: Set<string>,
): DemoPost {
  const postId = createIdFactory(() => createdMs, random).next(idShard(author.userId))
  // By the number of photos: otherwise the few of a small class would be everywhere.
  const subjects = author.topics.flatMap((topic) => topic.classes)
  const subject = subjects[
    weightedIndex(
      random,
      subjects.map(({ name }) => photos.get(name)?.length ?? 0),
    )
  ] as PhotoClass
  const caption = writeCaption(random, subject, said)
  const pictures = Array.from({ length: random() < CAROUSEL_SHARE ? 2 + Math.floor(random() * 2) : 1 }, (_, i) =>
    picture(random, author, deal(subject.name), {
      postId,
      alt: subject.alt,
      createdMs: createdMs - MINUTE_MS + i * 1_000,
    }),
  )
  return {
    postId,
    author,
    caption,
    hashtags: parseHashtags(caption),
    pictures,
    createdMs,
    appeal: logNormal(random, 0.9),
  }
}

function writeCaption(random: Random, subject: PhotoClass, said: Set<string>): string {
  const fresh = subject.captions.filter((line) => !said.has(line))
  const line = pick(random, fresh.length > 0 ? fresh : subject.captions)
  said.add(line)
  const tags = shuffled(random, subject.hashtags).slice(0, 2 + Math.floor(random() * 2))
  return `${line} ${tags.map((tag) => `#${tag}`).join(' ')}`
}

/** An upload of a person's, finished, under the key that the media tier would give it. */
export function picture(
  random: Random,
  owner: DemoPerson,
  photo: DemoPhoto,
  { postId, alt, createdMs }: { postId: Id | null; alt: string; createdMs: number },
): DemoPicture {
  const mediaId = createIdFactory(() => createdMs, random).next(idShard(owner.userId))
  return {
    mediaId,
    type: 'image',
    // Everyone sees the picture beside a name (no post), of private people too.
    key: `${owner.isPrivate && postId !== null ? 'private' : 'media'}/${mediaId}/${photo.sha256.slice(0, 32)}.jpg`,
    width: photo.width,
    height: photo.height,
    alt,
    blur: photo.blur,
    userId: owner.userId,
    postId,
    photo,
    createdMs,
  }
}

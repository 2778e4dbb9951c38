/** Who takes part in all rounds, and what they know. */
import type { RowOfReads } from '../../../ops/fault-report.ts'
import { photo, upload } from '../../e2e/media.ts'
import type { Person, PostAnswer } from '../../e2e/person.ts'
import { until } from '../../e2e/until.ts'
import { each } from './comparison.ts'
import type { WriteLog } from './log.ts'
import { type Platform, startPlatform } from './platform.ts'
import { openPicture, PAGE } from './reads.ts'

/** Nobody deletes these: every page is full at all times. */
const FIRST_POSTS = PAGE + 4
const PICTURES = 2
/** Half of the life of a token. */
const RENEW_MS = 450_000

/** What a round has told people, to be looked at again when all are over. */
export interface PastRound {
  word: string
  log: WriteLog
  mayLackCounters: boolean
}

export interface Pair {
  /** `follower>followee`, by their ids. */
  name: string
  follower: Person
  followee: Person
}

export interface Cast {
  platform: Platform
  authors: readonly Person[]
  /** Follow all authors. */
  followers: readonly Person[]
  /** Follow all authors, and read all the while. */
  audience: readonly Person[]
  /** Like and comment. */
  readers: readonly Person[]
  crowd: readonly Person[]
  /** Of the crowd. */
  pairs: readonly Pair[]
  /** Names of those pairs of which one follows the other, as was acknowledged in all rounds so far. */
  follows: Set<string>
  past: PastRound[]
  /** A post that nobody touches any more, and how many like it. */
  liked: { id: string; likes: number }
  /** Addresses of pictures that the image Worker's cache holds. */
  pictures: readonly string[]
  /** What was served in each outage so far. */
  rows: RowOfReads[]
  /** And while nothing was away. */
  calm: RowOfReads[]
  /** Tokens that will not last a round are renewed. */
  renew(): Promise<void>
}

/** Tideline with people who know one another and have posted a little more than a page. */
export async function startCast(env: NodeJS.ProcessEnv): Promise<Cast> {
  const platform = await startPlatform(env)
  const authors = await platform.people('author', 10)
  const followers = await platform.people('follower', 5)
  const audience = await platform.people('audience', 15)
  const crowd = await platform.people('crowd', 20)
  // Six at a time: the servers have just come up, and have work of their own.
  await each([...followers, ...audience], async (reader) => {
    for (const author of authors) await reader.follow(author)
  })
  const posts = Array.from({ length: FIRST_POSTS }, (_, n) => n)
  await each(posts, (n) => authors[n % authors.length]!.post(`before all faults ${n}`))
  const pictures = (await each(authors.slice(0, PICTURES), publishPicture)).flat()
  await each([...followers, ...audience], (reader) =>
    until('everybody reads what there is', async () => (await reader.feedIds()).length === FIRST_POSTS + PICTURES),
  )
  await each(pictures, (url) =>
    until('its picture opens', async () => (await openPicture(platform.edge.fetch, url)) === 'a picture'),
  )
  let renewedMs = Date.now()
  return {
    platform,
    authors,
    followers,
    audience: [...followers, ...audience],
    readers: [...followers, ...crowd],
    crowd,
    pairs: everyPair(crowd),
    follows: new Set(),
    past: [],
    liked: await likedPost(authors, followers),
    pictures,
    rows: [],
    calm: [],
    async renew() {
      if (Date.now() - renewedMs < RENEW_MS) return
      renewedMs = Date.now()
      await each([...authors, ...followers, ...audience, ...crowd], (person) => person.renew())
    },
  }
}

/** Answers where it is shown in two sizes. */
async function publishPicture(author: Person): Promise<string[]> {
  const { id } = await upload(author, await photo(640, 480))
  await author.ask('POST', `/v1/media/${id}/complete`, {})
  const shown = await author.ask<PostAnswer>('POST', '/v1/posts', { caption: 'before all faults', mediaIds: [id] })
  return shown.media.flatMap(({ urls }) => [urls.small, urls.medium])
}

/** A post whose likes are counted. */
export async function likedPost([author]: readonly Person[], likers: readonly Person[]): Promise<Cast['liked']> {
  if (author === undefined) throw new Error('nobody writes')
  const { id } = await author.post('before this fault')
  await each(likers, (liker) => liker.ask('POST', `/v1/posts/${id}/like`))
  await until('its likes are counted', async () => {
    const { likeCount } = await author.ask<PostAnswer>('GET', `/v1/posts/${id}`)
    return likeCount === likers.length
  })
  return { id, likes: likers.length }
}

const everyPair = (people: readonly Person[]): Pair[] =>
  people.flatMap((follower) =>
    people
      .filter((followee) => followee !== follower)
      .map((followee) => ({ name: `${follower.id}>${followee.id}`, follower, followee })),
  )

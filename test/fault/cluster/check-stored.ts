/** What stands in Postgres, Cassandra, the timelines, the index and the counters, each read by itself. */
import { idMs } from '#core/ids.ts'
import { type CheckOptions, type Checks, differences, each } from './comparison.ts'

export const storedChecks = (options: CheckOptions): Checks => ({
  'rows of posts': () => postRows(options),
  'rows of follows': () => followRows(options),
  'rows of likes': () => likeRows(options),
  'liked sets': () => likedSets(options),
  'rows of comments': () => commentRows(options),
  'rows of shares': () => shareRows(options),
  'documents of the index': () => documents(options),
  counters: () => counters(options),
  timelines: () => timelines(options),
  'the outbox': () => outbox(options),
})

interface PostRow {
  post_id: string
  user_id: string
  caption: string
}

/** Of this round, not deleted. Ids are those that were kept: a promised one may lead to another. */
const rowsOf = ({ platform, word }: CheckOptions) =>
  platform.stores.sql<PostRow>(
    `SELECT post_id::text, user_id::text, caption FROM posts WHERE caption LIKE $1 AND deleted_at IS NULL`,
    `${word} %`,
  )

async function postRows(options: CheckOptions): Promise<string[]> {
  const promised = new Set(options.log.posts.filter(({ status }) => status !== 201).map(({ caption }) => caption))
  // What was answered 201 is kept under just that id.
  const named = (id: string, caption: string, author: string) =>
    `${caption} of ${author}${promised.has(caption) ? '' : ` as ${id}`}`
  return differences(
    (await rowsOf(options)).map((row) => named(row.post_id, row.caption, row.user_id)),
    options.log.posts.map(({ id, caption, author }) => named(id, caption, author.id)),
    'Postgres',
  )
}

async function followRows({ platform, crowd, follows }: CheckOptions): Promise<string[]> {
  const ids = crowd.map(({ id }) => id)
  const [direct, inverse] = await Promise.all(
    ['follows', 'followers'].map((table) =>
      platform.stores.sql<{ pair: string }>(
        `SELECT follower_id || '>' || followee_id AS pair FROM ${table} WHERE follower_id = ANY ($1) AND state = 'active'`,
        ids,
      ),
    ),
  )
  const pairs = (rows: readonly { pair: string }[] = []) => rows.map(({ pair }) => pair)
  return [
    ...differences(
      numbered(pairs(direct)),
      [...follows].flatMap((pair) => copies(platform, pair)),
      'follows',
    ),
    ...differences(pairs(inverse), follows, 'followers'),
  ]
}

/** One that is between two databases is in both of them. */
function copies({ stores }: CheckOptions['platform'], pair: string): string[] {
  const [follower = '', followee = ''] = pair.split('>')
  return Array.from({ length: stores.placesOf(follower, followee) }, (_, n) => `${pair} #${n + 1}`)
}

/** Equal ones are told apart: the second one of a pair is `… #2`. */
function numbered(list: readonly string[]): string[] {
  const seen = new Map<string, number>()
  return list.map((each) => {
    seen.set(each, (seen.get(each) ?? 0) + 1)
    return `${each} #${seen.get(each)}`
  })
}

/** By post, where a like that was written twice stands twice; and by person. */
async function likeRows({ platform, log, readers }: CheckOptions): Promise<string[]> {
  const byPost = await each(log.posts, async ({ id }) =>
    differences(await platform.stores.likersOf(id), log.likes.get(id) ?? [], `likes of ${id}`),
  )
  const ours = new Set(log.posts.map(({ id }) => id))
  const byPerson = await each(readers, async ({ id: reader }) =>
    differences(
      (await platform.stores.likedBy(reader)).filter((post) => ours.has(post)),
      log.posts.map(({ id }) => id).filter((post) => log.likes.get(post)?.has(reader)),
      `what ${reader} likes`,
    ),
  )
  return [...byPost, ...byPerson].flat()
}

/** Kept for feeds once a person has asked what they like; where they are kept, they say what the person's rows say. */
async function likedSets({ platform, readers }: CheckOptions): Promise<string[]> {
  const wrong = await each(readers, async ({ id }) => {
    const kept = await platform.stores.likedSet(id)
    return kept === null ? [] : differences(kept, await platform.stores.likedBy(id), `liked:{${id}}`)
  })
  return wrong.flat()
}

async function commentRows({ platform, log }: CheckOptions): Promise<string[]> {
  const wrong = await each(log.posts, async ({ id }) =>
    differences(
      (await platform.stores.commentsOf(id)).map(({ author, body }) => `${body} of ${author}`),
      log.comments.filter(({ post }) => post === id).map(({ author, body }) => `${body} of ${author}`),
      `comments of ${id}`,
    ),
  )
  return wrong.flat()
}

/** By post and by person, as likes. */
async function shareRows({ platform, log, readers }: CheckOptions): Promise<string[]> {
  const byPost = await each(log.posts, async ({ id }) =>
    differences(await platform.stores.sharersOf(id), log.shares.get(id) ?? [], `shares of ${id}`),
  )
  const ours = new Set(log.posts.map(({ id }) => id))
  const byPerson = await each(readers, async ({ id: reader }) =>
    differences(
      (await platform.stores.sharedBy(reader)).filter((post) => ours.has(post)),
      log.posts.map(({ id }) => id).filter((post) => log.shares.get(post)?.has(reader)),
      `what ${reader} shared`,
    ),
  )
  return [...byPost, ...byPerson].flat()
}

/** Of what was deleted, too: the index must have forgotten it. */
async function documents(options: CheckOptions): Promise<string[]> {
  const { platform, log } = options
  const live = (await rowsOf(options)).map(({ post_id }) => post_id)
  const found = await platform.stores.indexed([...live, ...log.deleted.map(({ id }) => id)])
  return differences(found, live, 'the index')
}

/** Where there is something to count they are kept; a Valkey that was killed may have lost them, never have them wrong. */
async function counters({ platform, log, mayLackCounters }: CheckOptions): Promise<string[]> {
  const kept = await platform.stores.counts(log.posts.map(({ id }) => id))
  return log.posts.flatMap(({ id }, n) => {
    const [likes, comments] = [log.likes.get(id)?.size ?? 0, log.comments.filter(({ post }) => post === id).length]
    const right = `${likes}:${comments}`
    const mayBeAbsent = mayLackCounters || likes + comments === 0
    if (kept[n] === right || (kept[n] === null && mayBeAbsent)) return []
    return [`the counters of ${id} say ${kept[n]}, not ${right}`]
  })
}

/** Nothing waits in it any more: what was held has been published. */
async function outbox({ platform }: CheckOptions): Promise<string[]> {
  const held = await platform.stores.sql<{ type: string }>(
    `SELECT type FROM outbox WHERE published_at IS NULL AND created_at < now() - interval '2 seconds'`,
  )
  return held.map(({ type }) => `the outbox holds ${type}`)
}

/**
 * Complete down to their floor (docs/correctness.md, 1): what is below comes from Postgres. More than that may stand in them:
 * a push that a deletion overtook. It is shown to nobody, as the feeds' check sees.
 */
async function timelines(options: CheckOptions): Promise<string[]> {
  const { platform, followers } = options
  const live = (await rowsOf(options)).map(({ post_id }) => post_id)
  const wrong = await each(followers, async ({ id, username }) => {
    const timeline = await platform.stores.timeline(id)
    if (timeline === null) return [`the timeline of ${username} is cold`]
    const held = new Set(timeline.posts)
    const lacking = live.filter((post) => idMs(post) >= timeline.floor && !held.has(post))
    return lacking.map((post) => `the timeline of ${username} lacks ${post}`)
  })
  return wrong.flat()
}

/**
 * What Redis does not know of a reader is read from Postgres: the timeline, hidden authors, celebrities followed, authors'
 * lists. One pipeline before, whatever is missing; the results are written to Redis after the answer (rules 3 and 4).
 */
import type { FeedRead } from '#core/feed/index.ts'
import { compareIds, type Id } from '#core/ids.ts'
import type { Command } from '#core/redis.ts'
import {
  type AuthorList,
  abandonRebuild,
  authorListLife,
  claimAuthorList,
  closeRebuild,
  endsSoon,
  endTurn,
  type FollowedPosts,
  floorOf,
  graphVersion,
  type Hidden,
  hiddenEntry,
  hiddenOf,
  openRebuild,
  parseAuthorList,
  pulledAuthorList,
  readAuthorList,
  readGraph,
  rebuildTicket,
  replaceHidden,
  takeTurn,
  uniteCelebrities,
} from '#core/timeline/index.ts'
import {
  authorPosts,
  followedCelebrities,
  followedPosts,
  followedPostsOf,
  type HiddenRow,
  hiddenAuthors,
  type PostPlace,
  postsOfAuthors,
} from '#drizzle/queries/feed.ts'
import type { FeedPorts } from './ports.ts'

/** What was read from Redis; null where it is unknown. */
type Known = Pick<FeedRead, 'hidden' | 'celebrities'> & { timeline: unknown }

export interface Pulled {
  hidden: Hidden
  celebrities: readonly Id[]
  /** Null when the timeline is warm. */
  posts: FollowedPosts | null
  /** The author of each of the posts. */
  authors: readonly Id[]
}

/** Completes what is known of a reader. Costs nothing when all of it is. */
export async function pullUnknown(user: Id, known: Known, ports: FeedPorts): Promise<Pulled> {
  const isCold = known.timeline === null
  const needsCelebrities = known.celebrities === null && !isCold
  if (known.hidden !== null && !isCold && !needsCelebrities) {
    return { hidden: known.hidden, celebrities: inOrder(known.celebrities?.authors), posts: null, authors: [] }
  }
  // The placeholder lies and the graph is read before Postgres is: what changes from now on is not lost.
  const token = ports.token()
  const opening = isCold ? [...openRebuild(user, token), takeTurn(user, token)] : []
  const replies = await ports.redis.pipeline([...opening, readGraph(user)])
  const version = graphVersion(replies.at(-1))
  const hasTurn = isCold && replies.at(-2) === 'OK'
  const limit = hasTurn ? ports.fanout.timelineLength : ports.policy.windowSize
  // One request: after an outage one trial is let through, and a second one beside it would end this request, and the trial.
  const wanted = [
    ...(known.hidden === null ? [hiddenAuthors(user)] : []),
    ...(needsCelebrities ? [followedCelebrities(user)] : []),
    ...(isCold ? [followedPosts(user, limit)] : []),
  ]
  const results: unknown[][] = await ports.db.batch(wanted)
  const rowsOf = <T>() => (results.shift() ?? []) as T[]
  const hidden =
    known.hidden === null ? pulledHidden(user, version, rowsOf<HiddenRow>()) : { hidden: known.hidden, keep: [] }
  const celebrities = needsCelebrities
    ? pulledCelebrities(user, version, rowsOf<{ author: string }>(), ports)
    : { authors: known.celebrities?.authors, keep: [] }
  const timeline = isCold ? pulledTimeline(rowsOf<PostPlace>(), limit) : null
  const ticket = rebuildTicket(user, token, replies)
  const rebuilt = timeline === null ? [] : [closeRebuild(ticket, timeline.posts), endTurn(user)]
  const close = isCold && !hasTurn ? [abandonRebuild(ticket)] : rebuilt
  ports.later(() => ports.redis.pipeline([...hidden.keep, ...celebrities.keep, ...close]))
  return {
    hidden: hidden.hidden,
    celebrities: inOrder(celebrities.authors),
    posts: timeline?.posts ?? null,
    authors: timeline?.authors ?? [],
  }
}

/** A set has no order; pages of one walk must agree on which authors are merged one by one. */
const inOrder = (authors: readonly Id[] = []) => [...authors].sort(compareIds)

function pulledHidden(user: Id, version: string, rows: readonly HiddenRow[]): { hidden: Hidden; keep: Command[] } {
  const entries = rows.map(({ reason, author }) => ({ reason, author: String(author) }))
  return { hidden: hiddenOf(entries.map(hiddenEntry)), keep: [replaceHidden(user, version, entries)] }
}

function pulledCelebrities(
  user: Id,
  version: string,
  rows: readonly { author: string }[],
  { clock, fanout }: FeedPorts,
): { authors: Id[]; keep: Command[] } {
  const authors = rows.map((row) => String(row.author))
  const made = { atMs: clock(), maxAgeMs: fanout.celebsMaxAgeMs }
  return { authors, keep: [uniteCelebrities(user, version, made, authors)] }
}

/** A cold reader pulls for itself and gets a whole page now; the timeline is marked after the answer. */
function pulledTimeline(rows: readonly PostPlace[], limit: number): { posts: FollowedPosts; authors: Id[] } {
  return { posts: followedPostsOf(rows, limit), authors: rows.map((row) => String(row.user_id)) }
}

/**
 * The lists to merge. A bounded number of authors one by one, from the isolate, then from Redis in one pipeline, then from
 * Postgres in one request; whoever follows more celebrities than that reads the others from Postgres as one list.
 */
export async function celebrityLists(
  authors: readonly Id[],
  ports: FeedPorts,
  below: Id | null = null,
): Promise<AuthorList[]> {
  const lists = await listsOf(authors.slice(0, ports.fanout.celebritiesPerRead), ports)
  const others = await othersInOne(authors.slice(ports.fanout.celebritiesPerRead), below, ports)
  return [...lists, ...others]
}

async function othersInOne(authors: readonly Id[], below: Id | null, { db, policy }: FeedPorts): Promise<AuthorList[]> {
  const [first] = authors
  if (first === undefined) return []
  const limit = policy.windowSize
  const posts = followedPostsOf(await db.query<PostPlace>(postsOfAuthors(authors, limit, below)), limit)
  return [{ author: first, floor: floorOf(posts), ids: posts.entries.map(({ id }) => id) }]
}

async function listsOf(authors: readonly Id[], ports: FeedPorts): Promise<AuthorList[]> {
  const { celebrities } = ports.isolate
  // Kept apart from the isolate's: bringing in the missing ones may push others out of there.
  const lists = new Map<Id, AuthorList>()
  const missing: Id[] = []
  for (const author of authors) {
    const cached = celebrities.get(author)
    if (cached === undefined) missing.push(author)
    else lists.set(author, cached)
  }
  if (missing.length === 0) return [...lists.values()]
  const reads = [...missing.map((author) => readAuthorList(author, ports.fanout)), ...missing.map(authorListLife)]
  const replies = await ports.redis.pipeline(reads)
  const [unmarked, ending]: [Id[], Id[]] = [[], []]
  missing.forEach((author, i) => {
    const list = parseAuthorList(author, replies[i], ports.fanout)
    if (list === null) unmarked.push(author)
    else lists.set(author, list)
    if (list !== null && endsSoon(replies[missing.length + i])) ending.push(author)
  })
  if (ending.length > 0) ports.later(() => renewAuthorLists(ending.slice(0, RENEWED), ports))
  ports.count('author', missing.length - unmarked.length, unmarked.length)
  for (const list of await pullAuthorLists(unmarked, ports)) lists.set(list.author, list)
  for (const author of missing) {
    const list = lists.get(author)
    if (list !== undefined) celebrities.set(author, list)
  }
  return [...lists.values()]
}

/** Lists that one answer makes anew: of two hundred at once each reader takes some. */
const RENEWED = 20

/** Before lists end that are read, one reader makes them anew, after the answer: else all of their readers would, at once. */
async function renewAuthorLists(authors: readonly Id[], ports: FeedPorts): Promise<void> {
  const token = ports.token()
  const replies = await ports.redis.pipeline(authors.map((author) => claimAuthorList(author, token)))
  const pulled = await authorListsOf(
    authors.filter((_, i) => replies[i] === 'OK'),
    ports,
  )
  await ports.redis.pipeline(pulled.flatMap(({ keep }) => keep))
}

async function pullAuthorLists(authors: readonly Id[], ports: FeedPorts): Promise<AuthorList[]> {
  const pulled = await authorListsOf(authors, ports)
  if (pulled.length > 0) ports.later(() => ports.redis.pipeline(pulled.flatMap(({ keep }) => keep)))
  return pulled.map(({ list }) => list)
}

/** In one request to Postgres. */
async function authorListsOf(authors: readonly Id[], { db, fanout }: FeedPorts) {
  if (authors.length === 0) return []
  const limit = fanout.authorLength
  const results = await db.batch(authors.map((author) => authorPosts(author, limit)))
  return authors.map((author, i) =>
    pulledAuthorList(author, followedPostsOf((results[i] ?? []) as unknown as PostPlace[], limit)),
  )
}

/**
 * A steady, bounded load of writes with the client's own log of what was acknowledged. Every write can be repeated without
 * a second effect (keys, and what is idempotent by itself), and is repeated until it is acknowledged: so the log says exactly
 * what must be there afterwards.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { photo, upload } from '../../e2e/media.ts'
import type { Answer, Person } from '../../e2e/person.ts'
import { until } from '../../e2e/until.ts'

export interface LoggedPost {
  id: string
  author: Person
  caption: string
  status: number
  /** An upload of its author's that it shows. */
  mediaId?: string
}

export interface LoggedComment {
  id: string
  post: string
  author: string
  body: string
}

/** What was acknowledged. */
export interface WriteLog {
  posts: LoggedPost[]
  /** Post → who likes it. */
  likes: Map<string, Set<string>>
  comments: LoggedComment[]
  /** `follower>followee` */
  follows: Set<string>
}

export interface LoadOptions {
  /** Begins captions and comments, as a word of its own: searched for. */
  word: string
  authors: readonly Person[]
  /** Like and comment. */
  readers: readonly Person[]
  /** Follow one another; each pair once. */
  pairs: Iterator<readonly [Person, Person]>
  random(): number
}

export interface Load {
  readonly log: WriteLog
  /** How often each status was answered; 0: no answer. */
  readonly answers: ReadonlyMap<string, number>
  /** Begins nothing more, and waits until everything begun is acknowledged. @throws Error naming what is not */
  stop(): Promise<void>
}

/** Writes begun in a second, by kind. */
const EVERY_MS = { post: 250, picture: 1_000, like: 100, comment: 250, follow: 500 } as const
/** At most so many at once of a kind: what is away makes them wait, not pile up. */
const AT_ONCE = 8
const AGAIN_MS = 250
const ACKNOWLEDGED_MS = 60_000

export function startLoad(options: LoadOptions): Load {
  const { word, authors, readers, pairs, random } = options
  const log: WriteLog = { posts: [], likes: new Map(), comments: [], follows: new Set() }
  const answers = new Map<string, number>()
  const open = new Set<string>()
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  let numbers = 0
  let isEnding = false
  let isOver = false

  /** Repeats until a 2xx. @throws Error once nobody waits for it any more */
  async function acknowledged<T>(what: string, ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
    open.add(what)
    for (;;) {
      const answer = await ask().catch(() => null)
      const label = `${what.split(' ')[0]} ${answer?.status ?? 0}`
      answers.set(label, (answers.get(label) ?? 0) + 1)
      if (answer !== null && answer.status < 300) {
        open.delete(what)
        return answer
      }
      if (isOver) throw new Error(`${what} was never acknowledged`)
      await pause(AGAIN_MS)
    }
  }

  async function publish(author = pick(authors), mediaId?: string): Promise<void> {
    if (author === undefined) return
    const caption = `${word} post${numbers++}`
    const key = { 'idempotency-key': caption.replace(' ', '-') }
    const post = { caption, mediaIds: mediaId === undefined ? [] : [mediaId] }
    const { status, body } = await acknowledged(`post ${caption}`, () =>
      author.call<{ id: string }>('POST', '/v1/posts', post, key),
    )
    log.posts.push({ id: body.id, author, caption, status, ...(mediaId === undefined ? {} : { mediaId }) })
  }

  const makers = {
    post: () => publish(),
    /** A direct upload, and a post that shows it. What fails half-way is uploaded anew. */
    async picture() {
      const [author, bytes] = [pick(authors), await photo(200 + (numbers++ % 400), 150)]
      if (author === undefined) return
      const { body } = await acknowledged(`picture ${numbers}`, async () => {
        const { id } = await upload(author, bytes)
        return author.call<{ id: string }>('POST', `/v1/media/${id}/complete`, {})
      })
      await publish(author, body.id)
    },
    async like() {
      const [reader, post] = [pick(readers), pick(written())]
      if (reader === undefined || post === undefined) return
      const likers = log.likes.get(post.id) ?? new Set()
      if (likers.has(reader.id) || open.has(`like ${post.id} ${reader.id}`)) return
      await acknowledged(`like ${post.id} ${reader.id}`, () => reader.call('POST', `/v1/posts/${post.id}/like`))
      log.likes.set(post.id, (log.likes.get(post.id) ?? new Set()).add(reader.id))
    },
    async comment() {
      const [reader, post, text] = [pick(readers), pick(written()), `${word} comment${numbers++}`]
      if (reader === undefined || post === undefined) return
      const key = { 'idempotency-key': text.replace(' ', '-') }
      const { body } = await acknowledged(`comment ${text}`, () =>
        reader.call<{ id: string }>('POST', `/v1/posts/${post.id}/comments`, { body: text }, key),
      )
      log.comments.push({ id: body.id, post: post.id, author: reader.id, body: text })
    },
    async follow() {
      const next = pairs.next()
      if (next.done) return
      const [follower, followee] = next.value
      const pair = `${follower.id}>${followee.id}`
      await acknowledged(`follow ${pair}`, () => follower.call('PUT', `/v1/users/${followee.id}/follow`))
      log.follows.add(pair)
    },
  }
  /** Only these are there already: an accepted one comes later. */
  const written = () => log.posts.filter(({ status }) => status === 201)

  const atOnce = new Map<string, number>()
  const timers = (Object.keys(makers) as (keyof typeof makers)[]).map((kind) =>
    setInterval(() => {
      const busy = atOnce.get(kind) ?? 0
      if (isEnding || busy >= AT_ONCE) return
      atOnce.set(kind, busy + 1)
      const isDone = () => atOnce.set(kind, (atOnce.get(kind) ?? 1) - 1)
      // One that fails is named by stop().
      makers[kind]().then(isDone, isDone)
    }, EVERY_MS[kind]),
  )
  return {
    log,
    answers,
    async stop() {
      isEnding = true
      for (const timer of timers) clearInterval(timer)
      await until('every write is acknowledged', async () => open.size === 0, {
        withinMs: ACKNOWLEDGED_MS,
        explain: () => ({ open: [...open].slice(0, 5), answers: Object.fromEntries(answers) }),
      }).finally(() => {
        isOver = true
      })
    },
  }
}

/** One write of each kind, repeated until it is acknowledged and then noted. */
import { photo, upload } from '../../e2e/media.ts'
import type { Answer, Person } from '../../e2e/person.ts'
import type { Pair } from './cast.ts'
import type { LoggedPost, WriteLog } from './log.ts'

export interface LoadOptions {
  /** Begins captions and comments, as a word of its own: searched for. */
  word: string
  authors: readonly Person[]
  /** Like and comment. */
  readers: readonly Person[]
  /** Follow one another, and cease to. */
  pairs: readonly Pair[]
  /** Names of those pairs that do, in all rounds so far: kept up to date. */
  follows: Set<string>
  random(): number
  /** Whether refusals are the machine's fault just now. */
  isBusy(): boolean
}

/** Repeats a write of a person's until a 2xx. @throws Error once nobody waits for it any more */
export type Insist = <T>(
  person: Person,
  what: string,
  ask: () => Promise<Answer<T>>,
  isDone?: IsDone,
) => Promise<Answer<T>>
/** Whether an answer that is no 2xx says that an earlier try, which was not answered, has done it. */
export type IsDone = (status: number, tries: number) => boolean

/** A deletion that is repeated because its answer was lost finds nothing to delete. */
const isGone = (status: number, tries: number) => status === 404 && tries > 1

/** What all writers share. */
interface Desk extends LoadOptions {
  log: WriteLog
  insist: Insist
  pick: <T>(list: readonly T[]) => T | undefined
  busy: ReturnType<typeof busyThings>
  /** Of captions and texts, so that each is another. */
  number(): number
  /** A post that is there already: one that was accepted with a 202 comes later. */
  written(): LoggedPost | undefined
}

export function writersOf(options: LoadOptions, log: WriteLog, insist: Insist) {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(options.random() * list.length)]
  let numbers = 0
  const desk: Desk = {
    ...options,
    ...{ log, insist, pick, busy: busyThings() },
    number: () => numbers++,
    written: () => pick(log.posts.filter(({ status }) => status === 201)),
  }
  return { ...postWriters(desk), ...likeWriters(desk), ...commentWriters(desk), ...followWriters(desk) }
}

function postWriters({ word, authors, log, insist, pick, busy, number, written }: Desk) {
  async function publish(author = pick(authors), mediaId?: string): Promise<void> {
    if (author === undefined) return
    const caption = `${word} post${number()}`
    const key = { 'idempotency-key': caption.replace(' ', '-') }
    const post = { caption, mediaIds: mediaId === undefined ? [] : [mediaId] }
    const { status, body } = await insist(author, `post ${caption}`, () =>
      author.call<{ id: string }>('POST', '/v1/posts', post, key),
    )
    log.posts.push({ id: body.id, author, caption, status, ...(mediaId === undefined ? {} : { mediaId }) })
  }

  return {
    post: () => publish(),
    /** A direct upload, and a post that shows it. What fails half-way is uploaded anew. */
    async picture() {
      const n = number()
      const [author, bytes] = [pick(authors), await photo(200 + (n % 400), 150)]
      if (author === undefined) return
      const { body } = await insist(author, `picture ${n}`, async () => {
        const { id } = await upload(author, bytes)
        return author.call<{ id: string }>('POST', `/v1/media/${id}/complete`, {})
      })
      await publish(author, body.id)
    },
    /** Of a post that nobody likes or comments just now: theirs would be refused. */
    async deletion() {
      const post = written()
      if (post === undefined || post.mediaId !== undefined || busy.isAny(post.id)) return
      take(log.posts, post)
      log.deletionsBegun++
      await insist(post.author, `deletion ${post.id}`, () => post.author.call('DELETE', `/v1/posts/${post.id}`), isGone)
      forgetEngagement(log, post)
      log.deleted.push(post)
    },
  }
}

function likeWriters({ readers, log, insist, pick, busy, written }: Desk) {
  return {
    async like() {
      const [reader, post] = [pick(readers), written()]
      if (reader === undefined || post === undefined || log.likes.get(post.id)?.has(reader.id)) return
      await busy.during(post.id, reader.id, async () => {
        await insist(reader, `like ${post.id} ${reader.id}`, () => reader.call('POST', `/v1/posts/${post.id}/like`))
        log.likes.set(post.id, (log.likes.get(post.id) ?? new Set()).add(reader.id))
      })
    },
    async unlike() {
      const post = pick([...log.likes].filter(([id, likers]) => likers.size > 0 && isThere(log, id)))
      const [postId, likers] = post ?? ['', new Set<string>()]
      const reader = pick(readers.filter(({ id }) => likers.has(id)))
      if (reader === undefined) return
      await busy.during(postId, reader.id, async () => {
        await insist(reader, `unlike ${postId} ${reader.id}`, () => reader.call('DELETE', `/v1/posts/${postId}/like`))
        log.likes.get(postId)?.delete(reader.id)
        log.unlikes++
      })
    },
    async share() {
      const [reader, post] = [pick(readers), written()]
      if (reader === undefined || post === undefined || log.shares.get(post.id)?.has(reader.id)) return
      await busy.during(post.id, `share of ${reader.id}`, async () => {
        await insist(reader, `share ${post.id} ${reader.id}`, () => reader.call('POST', `/v1/posts/${post.id}/share`))
        log.shares.set(post.id, (log.shares.get(post.id) ?? new Set()).add(reader.id))
      })
    },
  }
}

function commentWriters({ word, readers, log, insist, pick, busy, number, written }: Desk) {
  /** A comment that is there already, and whose it is. */
  const commented = () => {
    const comment = pick(log.comments.filter(({ post, status }) => status === 201 && isThere(log, post)))
    return [comment, readers.find(({ id }) => id === comment?.author)] as const
  }

  return {
    async comment() {
      const [reader, post, text] = [pick(readers), written(), `${word} comment${number()}`]
      if (reader === undefined || post === undefined) return
      const key = { 'idempotency-key': text.replace(' ', '-') }
      await busy.during(post.id, text, async () => {
        const { status, body } = await insist(reader, `comment ${text}`, () =>
          reader.call<{ id: string }>('POST', `/v1/posts/${post.id}/comments`, { body: text }, key),
        )
        log.comments.push({ id: body.id, post: post.id, author: reader.id, body: text, status })
      })
    },
    async edit() {
      const [comment, author] = commented()
      if (comment === undefined || author === undefined) return
      const text = `${comment.body.split(', ')[0]}, changed${number()}`
      await busy.during(comment.post, comment.id, async () => {
        const path = `/v1/posts/${comment.post}/comments/${comment.id}`
        await insist(author, `edit ${comment.id}`, () => author.call('PATCH', path, { body: text }))
        comment.body = text
        log.edits++
      })
    },
    async uncomment() {
      const [comment, author] = commented()
      if (comment === undefined || author === undefined) return
      await busy.during(comment.post, comment.id, async () => {
        const path = `/v1/posts/${comment.post}/comments/${comment.id}`
        await insist(author, `uncomment ${comment.id}`, () => author.call('DELETE', path), isGone)
        take(log.comments, comment)
        log.deletedComments.push(comment)
      })
    },
  }
}

function followWriters({ pairs, follows, log, insist, pick }: Desk) {
  const following = new Set<string>()
  return {
    async follow() {
      const next = pick(pairs.filter((pair) => !follows.has(pair.name) && !following.has(pair.name)))
      if (next === undefined) return
      const { name, follower, followee } = next
      following.add(name)
      await insist(follower, `follow ${name}`, () => follower.call('PUT', `/v1/users/${followee.id}/follow`))
      following.delete(name)
      follows.add(name)
      log.follows++
    },
    async unfollow() {
      const next = pick(pairs.filter((pair) => follows.has(pair.name)))
      if (next === undefined) return
      const { name, follower, followee } = next
      // Nobody else may take the same one back. A new one of the pair waits for its turn.
      follows.delete(name)
      await insist(follower, `unfollow ${name}`, () => follower.call('DELETE', `/v1/users/${followee.id}/follow`))
      log.unfollows++
    },
  }
}

const isThere = ({ posts }: WriteLog, id: string) => posts.some((post) => post.id === id)

function take<T>(list: T[], item: T): void {
  const index = list.indexOf(item)
  if (index >= 0) list.splice(index, 1)
}

/** What belongs to a deleted post is shown to nobody. */
function forgetEngagement(log: WriteLog, { id }: LoggedPost): void {
  log.likes.delete(id)
  log.shares.delete(id)
  for (const list of [log.comments, log.deletedComments]) {
    for (const comment of list.filter(({ post }) => post === id)) take(list, comment)
  }
}

/** Who is at work on a post: the same person does one thing at a time, and a deletion waits for none. */
function busyThings() {
  const open = new Map<string, Set<string>>()
  return {
    isAny: (post: string) => (open.get(post)?.size ?? 0) > 0,
    async during(post: string, who: string, work: () => Promise<void>): Promise<void> {
      const at = open.get(post) ?? new Set()
      if (at.has(who)) return
      open.set(post, at.add(who))
      try {
        await work()
      } finally {
        at.delete(who)
      }
    },
  }
}

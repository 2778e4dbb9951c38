/** What every reader must see and must not see, kept beside a schedule by those who act in it. */
import { compareIds, type Id } from '#core/ids.ts'
import type { PairChange } from './truth.ts'

export interface ShownPost {
  id: Id
  author: Id
  /** Merged from the list of a celebrity whom the reader's set names: it stays, also before fan-out is through. */
  merged: boolean
}

interface Post {
  author: Id
  /** The edge has said 201. */
  isAnswered: boolean
  /** Fan-out is through, pages included. */
  isThrough: boolean
  isDeleting: boolean
  isDeleted: boolean
}

interface Relation {
  /** Moves whenever somebody begins to change something between the two. */
  epoch: number
  version: number
  isFollowing: boolean
  /** The follow's event was handled: from now on everything is due. */
  isSettled: boolean
  /** The edge has answered that it ended (or it never began). */
  isEnded: boolean
  isBlocked: boolean
}

const pairOf = (reader: Id, author: Id) => `${reader}:${author}`

export class Expectations {
  violation: string | null = null
  readonly #posts = new Map<Id, Post>()
  readonly #relations = new Map<string, Relation>()
  readonly #merged = new Set<string>()
  readonly #pages = new Map<Id, Set<string>>()

  violate(what: string): void {
    this.violation ??= what
  }

  #relation(reader: Id, author: Id): Relation {
    const key = pairOf(reader, author)
    let relation = this.#relations.get(key)
    if (relation === undefined) {
      relation = { epoch: 0, version: 0, isFollowing: false, isSettled: false, isEnded: true, isBlocked: false }
      this.#relations.set(key, relation)
    }
    return relation
  }

  isFollowing = (reader: Id, author: Id): boolean => this.#relation(reader, author).isFollowing
  isBlocked = (reader: Id, author: Id): boolean => this.#relation(reader, author).isBlocked

  posted(id: Id, author: Id): void {
    this.#posts.set(id, { author, isAnswered: false, isThrough: false, isDeleting: false, isDeleted: false })
  }
  answered(id: Id): void {
    this.#posts.get(id)!.isAnswered = true
  }
  deleting(id: Id): void {
    this.#posts.get(id)!.isDeleting = true
  }
  deleted(id: Id): void {
    this.#posts.get(id)!.isDeleted = true
  }
  somePostOf(author: Id, below: (n: number) => number): Id | null {
    const own = [...this.#posts].filter(([, post]) => post.author === author && post.isAnswered && !post.isDeleting)
    return own[below(Math.max(1, own.length))]?.[0] ?? null
  }

  changing(reader: Id, author: Id): void {
    const relation = this.#relation(reader, author)
    relation.epoch++
    relation.isEnded = false
    relation.isSettled = false
    // No event of before settles what is being changed.
    relation.version = -1
  }
  followed({ followerId, followeeId, version }: PairChange): void {
    Object.assign(this.#relation(followerId, followeeId), { isFollowing: true, version })
  }
  unfollowed({ followerId, followeeId, version }: PairChange): void {
    Object.assign(this.#relation(followerId, followeeId), { isFollowing: false, isEnded: true, version })
  }
  blocking(reader: Id, author: Id): void {
    this.#relation(reader, author).isBlocked = false
  }
  blocked(reader: Id, author: Id, active: boolean): void {
    const relation = this.#relation(reader, author)
    relation.isBlocked = active
    relation.isEnded = !relation.isFollowing
  }
  followHandled({
    followerId,
    followeeId,
    state,
    version,
  }: {
    followerId: Id
    followeeId: Id
    state: string
    version: number
  }): void {
    const relation = this.#relation(followerId, followeeId)
    if (state === 'active' && relation.isFollowing && relation.version === version) relation.isSettled = true
  }

  pageOpened(event: string, post: Id): void {
    const open = this.#pages.get(post) ?? new Set()
    this.#pages.set(post, open.add(event))
  }
  pageDone(event: string | null, post: Id): void {
    if (event !== null) this.#pages.get(post)?.delete(event)
    this.#lookThrough(post)
  }
  fannedOut(post: Id): void {
    this.#handled.add(post)
    this.#lookThrough(post)
  }
  readonly #handled = new Set<Id>()
  #lookThrough(id: Id): void {
    const post = this.#posts.get(id)
    if (post !== undefined && this.#handled.has(id) && (this.#pages.get(id)?.size ?? 0) === 0) post.isThrough = true
  }

  /**
   * The posts that a walk beginning now must show, unless something about them changes on the way. Merged ones that fan-out
   * has not told of yet, only where nothing is remembered.
   */
  mustSee(reader: Id, remembers: boolean): { id: Id; author: Id; epoch: number }[] {
    const due: { id: Id; author: Id; epoch: number }[] = []
    for (const [id, post] of this.#posts) {
      if (post.isDeleting) continue
      const { author } = post
      if (author === reader) {
        if (post.isAnswered) due.push({ id, author, epoch: 0 })
        continue
      }
      const relation = this.#relation(reader, author)
      const isDue = post.isThrough || (!remembers && this.#merged.has(pairOf(reader, id)))
      if (isDue && relation.isSettled && !relation.isBlocked) due.push({ id, author, epoch: relation.epoch })
    }
    return due
  }

  /** Authors and posts that the page beginning now must not show. */
  mustNotSee(reader: Id): { authors: Map<Id, number>; posts: Set<Id> } {
    const authors = new Map<Id, number>()
    const posts = new Set<Id>()
    for (const [id, post] of this.#posts) {
      if (post.isDeleted) posts.add(id)
      const { isEnded, isBlocked, epoch } = this.#relation(reader, post.author)
      if (post.author !== reader && (isEnded || isBlocked)) authors.set(post.author, epoch)
    }
    return { authors, posts }
  }

  check(reader: Id, shown: readonly ShownPost[], forbidden: ReturnType<Expectations['mustNotSee']>): void {
    for (const { id, author, merged } of shown) {
      if (forbidden.posts.has(id)) this.violate(`${reader} sees ${id}, which is deleted`)
      const relation = this.#relation(reader, author)
      if (author !== reader && forbidden.authors.get(author) === relation.epoch) {
        this.violate(`${reader} sees ${id} by ${author}, whom they do not follow or who is blocked`)
      }
      if (merged && relation.isFollowing) this.#merged.add(pairOf(reader, id))
    }
  }

  checkWalk(reader: Id, shown: readonly ShownPost[], due: ReturnType<Expectations['mustSee']>): void {
    const ids = new Set(shown.map(({ id }) => id))
    if (ids.size < shown.length) this.violate(`${reader} sees a post twice in one walk`)
    for (const { id, author, epoch } of due) {
      const isSame = author === reader || this.#relation(reader, author).epoch === epoch
      if (isSame && !ids.has(id) && !this.#posts.get(id)!.isDeleting)
        this.violate(`${reader} misses ${id} by ${author}`)
    }
  }

  /** All that a reader sees when everything has come to rest. */
  whole(reader: Id): Id[] {
    return [...this.#posts]
      .filter(([, { author, isDeleted }]) => !isDeleted && (author === reader || this.#isShown(reader, author)))
      .map(([id]) => id)
      .sort(compareIds)
  }
  #isShown(reader: Id, author: Id): boolean {
    const { isFollowing, isBlocked } = this.#relation(reader, author)
    return isFollowing && !isBlocked
  }
}

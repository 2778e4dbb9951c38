/** What people do: post, follow, block and read, as the edge carries it out. */
import { firstIdAt, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { deleteOwnPost, hide, unhide, writeOwnPost } from '#core/timeline/index.ts'
import type { Cast } from './cast.ts'
import { Edge } from './edge.ts'
import type { ShownPost } from './expectations.ts'
import type { InterleavedLog } from './log.ts'
import { eventOf, type Stage } from './stage.ts'
import type { PairChange } from './truth.ts'

/** Longer than any walk: what a reader follows here is a dozen posts. */
const MOST_PAGES = 60

export class People {
  /** The modes in which posts were made, where a rule that is taken out goes by them. */
  readonly stamps = new Map<Id, 'push' | 'both' | 'pull'>()
  readonly #stage: Stage
  readonly #log: InterleavedLog
  readonly #purgeDue: () => Promise<void>
  readonly #edge: Edge
  readonly #busy = new Set<string>()
  #posts = 0

  constructor(stage: Stage, log: InterleavedLog, purgeDue: () => Promise<void>) {
    this.#stage = stage
    this.#log = log
    this.#purgeDue = purgeDue
    this.#edge = new Edge(stage)
  }

  /** Somebody does something. */
  act(): void {
    const { scheduler, cast, spawn, pass } = this.#stage
    const pick = <T>(list: readonly T[]): T => list[scheduler.below(list.length)]!
    const author = pick(cast.authors)
    const reader = pick(cast.readers)
    const actions: Record<keyof Cast['does'], () => void> = {
      post: () => spawn(`post ${author}`, () => this.post(author)),
      read: () => spawn(`read ${reader}`, async () => void (await this.walk(reader))),
      readOwn: () => spawn(`read ${author}`, async () => void (await this.walk(author))),
      change: () => this.change(reader, author, false),
      block: () => this.change(reader, author, true),
      delete: () => spawn(`delete of ${author}`, () => this.#delete(author)),
      purge: () => spawn('purges', this.#purgeDue),
      expire: () => spawn(`expire ${reader}`, () => this.#expire(reader)),
    }
    let dice = scheduler.below(100)
    for (const name of Object.keys(actions) as (keyof Cast['does'])[]) {
      dice -= cast.does[name]
      if (dice >= 0) continue
      actions[name]()
      return
    }
    pass(40)
  }

  /** One request at a time between two people: what two at once would mean is up to the network. */
  change(reader: Id, author: Id, blocks: boolean): void {
    const key = `${reader}:${author}`
    if (this.#busy.has(key)) return
    const { expectations } = this.#stage
    const blocked = expectations.isBlocked(reader, author)
    const change = () => {
      if (blocked) return this.#block(reader, author, false)
      if (blocks) return this.#block(reader, author, true)
      return expectations.isFollowing(reader, author) ? this.#unfollow(reader, author) : this.#follow(reader, author)
    }
    this.#busy.add(key)
    this.#stage.spawn(`change ${key} ${blocked ? 'unblock' : blocks ? 'block' : 'follow or not'}`, () =>
      change().finally(() => this.#busy.delete(key)),
    )
  }

  async post(author: Id): Promise<void> {
    const { scheduler, truth, redis, expectations, clock, without } = this.#stage
    const id = String(BigInt(firstIdAt(clock())) + BigInt(this.#posts++ % 1024))
    const event = eventOf(this.#stage, 'post.created', author, {
      postId: id,
      userId: author,
      version: 1,
      awaitsMedia: false,
      hashtags: [],
    })
    if (without('publish-after-commit')) await scheduler.step(() => this.#log.append(event))
    if (without('newest-mode-counts')) this.stamps.set(id, (await truth.fanout.mode(author)).mode)
    await truth.commitPost(author, id)
    expectations.posted(id, author)
    if (!without('own-post')) {
      const post = { id, userId: author, caption: '', media: [], hashtags: [], version: 1, awaitsMedia: false }
      await redis.pipeline(writeOwnPost(post))
    }
    expectations.answered(id)
    if (!without('publish-after-commit')) this.#log.deliver(event)
  }

  async #delete(author: Id): Promise<void> {
    const { scheduler, truth, redis, expectations, clock } = this.#stage
    const id = expectations.somePostOf(author, scheduler.below)
    if (id === null) return
    expectations.deleting(id)
    await truth.commitDelete(author, id)
    await redis.pipeline(deleteOwnPost(author, id, clock()))
    expectations.deleted(id)
    this.#log.deliver(eventOf(this.#stage, 'post.deleted', author, { postId: id, userId: author, version: 2 }))
  }

  async #follow(reader: Id, author: Id): Promise<void> {
    const { truth, redis, expectations } = this.#stage
    expectations.changing(reader, author)
    const row = await truth.commitFollow(reader, author)
    if (row === null) return
    await redis.pipeline(unhide(reader, 'u', author))
    expectations.followed(row)
    this.#publishFollow(row)
  }

  async #unfollow(reader: Id, author: Id): Promise<void> {
    const { truth, redis, expectations } = this.#stage
    expectations.changing(reader, author)
    const row = await truth.commitUnfollow(reader, author)
    if (row === null) return
    await redis.pipeline(hide(reader, 'u', author))
    expectations.unfollowed(row)
    this.#publishFollow(row)
  }

  async #block(reader: Id, author: Id, active: boolean): Promise<void> {
    const { truth, redis, expectations } = this.#stage
    expectations.changing(reader, author)
    expectations.blocking(reader, author)
    const ended = await truth.commitBlock(reader, author, active)
    const change = active ? hide : unhide
    await redis.pipeline([
      ...change(reader, 'b', author),
      ...change(author, 'b', reader),
      ...ended.flatMap((row) => hide(row.followerId, 'u', row.followeeId)),
    ])
    for (const row of ended) expectations.unfollowed(row)
    expectations.blocked(reader, author, active)
    const state = active ? 'active' : 'removed'
    const data = { userId: reader, targetId: author, kind: 'block', state, version: 1 } as const
    this.#log.deliver(eventOf(this.#stage, 'block.changed', reader, data))
    for (const row of ended) this.#publishFollow(row)
  }

  #publishFollow({ followerId, followeeId, state, version }: PairChange): void {
    const data = { followerId, followeeId, state, version }
    this.#log.deliver(eventOf(this.#stage, 'follow.changed', followerId, data))
  }

  async #expire(reader: Id): Promise<void> {
    await this.#stage.redis.pipeline([['DEL', keys.timeline(reader)]])
  }

  /** Reads to the end of the feed, and compares each page with what must be in it and what must not. */
  async walk(reader: Id): Promise<ShownPost[]> {
    const { expectations } = this.#stage
    const walk = this.#edge.begin(reader)
    const due = expectations.mustSee(reader, walk.remembers)
    const all: ShownPost[] = []
    let cursor: string | null = null
    let pages = 0
    do {
      const forbidden = expectations.mustNotSee(reader)
      const page = await walk.page(cursor)
      expectations.check(reader, page.shown, forbidden)
      all.push(...page.shown)
      cursor = page.cursor
    } while (cursor !== null && ++pages < MOST_PAGES)
    walk.end()
    if (cursor !== null) expectations.violate(`the walk of ${reader} has no end`)
    expectations.checkWalk(reader, all, due)
    return all
  }
}

/**
 * One schedule: people post, follow, block and read while consumers fan out, crash and start over, in an interleaving
 * that a seed decides. What readers must see and must not see is kept beside it and compared at every page.
 */
import { type EventData, type EventType, makeEvent, type TidelineEvent } from '#core/events.ts'
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import { compareIds, firstIdAt, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'
import { deleteOwnPost, hide, unhide, writeOwnPost } from '#core/timeline/index.ts'
import { crossing } from '../../origin/fanout/crossing.ts'
import { fanoutService } from '../../origin/fanout/service.ts'
import { graphService } from '../../origin/graph/service.ts'
import { withoutRule } from './broken.ts'
import { CASTS, type Cast, SMALL_FEED, SMALL_POLICY } from './cast.ts'
import { Expectations } from './expectations.ts'
import { Died, Fuse, InterleavedLog } from './log.ts'
import { type ReaderPorts, readPage, type ShownPost } from './reader.ts'
import { type DirectRedis, steppedRedis } from './redis.ts'
import { Scheduler, seeded } from './scheduler.ts'
import type { PairChange, Truth } from './truth.ts'

const START_MS = 1_764_000_000_000
const MOST_PROCESSES = 8

export interface WorldOptions {
  seed: number
  redis: DirectRedis
  truth: (clock: () => number) => Truth
  /** How many things people do. */
  actions?: number
  /** A rule to take out. */
  without?: string
  clock: { now: number }
}

export class World {
  readonly scheduler: Scheduler
  readonly truth: Truth
  readonly redis: RedisPort
  readonly expectations = new Expectations()
  readonly trace: string[] = []
  readonly #options: WorldOptions
  readonly #log: InterleavedLog
  readonly #policy: FanoutPolicy
  readonly #cast: Cast
  readonly #busy = new Set<string>()
  readonly #stamps = new Map<Id, 'push' | 'both' | 'pull'>()
  #posts = 0
  #tokens = 0
  #left: number

  constructor(options: WorldOptions) {
    this.#options = options
    this.scheduler = new Scheduler(seeded(options.seed))
    options.clock.now = START_MS
    this.truth = this.#stepped(options.truth(this.#clock))
    this.redis = steppedRedis(options.redis, this.scheduler, withoutRule(options.without ?? '', options.redis))
    this.#log = new InterleavedLog(this.scheduler, (event) => this.#handle(event))
    this.#left = options.actions ?? 24
    this.#cast = CASTS[options.seed % CASTS.length]!
    const unfollowedForMs = this.#without('entry-outlives-purge') ? 0 : SMALL_POLICY.unfollowedForMs
    this.#policy = { ...SMALL_POLICY, ...this.#cast.policy, unfollowedForMs }
  }

  #clock = () => this.#options.clock.now
  #without = (rule: string) => this.#options.without === rule

  /** Runs everything to its end and answers what was wrong, or null. */
  async run(): Promise<string | null> {
    this.#options.redis.execute(['FLUSHALL'])
    for (const author of this.#cast.authors)
      for (const reader of this.#cast.readers) {
        if (this.scheduler.chance(this.#cast.authors.length === 2 ? 0.8 : 0.4)) this.#pair(reader, author, false)
      }
    await this.#drain()
    await this.#settle()
    for (const reader of [...this.#cast.readers, ...this.#cast.authors]) await this.#compareWhole(reader, 'at rest')
    this.#options.redis.execute(['DEL', ...this.#cast.readers.map(keys.celebs)])
    for (const reader of this.#cast.readers) await this.#compareWhole(reader, 'when celebrities have aged')
    await this.#checkCounts()
    const [fault] = this.scheduler.faults
    if (fault !== undefined) throw fault
    return this.expectations.violation
  }

  async #drain(): Promise<void> {
    await this.scheduler.run(() => {
      if (this.scheduler.chance(0.5)) this.#options.clock.now++
      if (this.#left === 0 || this.scheduler.live >= MOST_PROCESSES || this.expectations.violation) return
      if (this.scheduler.chance(this.#cast.haste)) {
        this.#left--
        this.#act()
      }
    })
  }

  /** Second purges fall due and run, crash or not, until none is left. */
  async #settle(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      await this.truth.passTime()
      this.#spawn('purges', () => this.#purgeDue())
      await this.#drain()
    }
    if ((await this.truth.openPurges()) > 0) this.expectations.violate('second purges are never finished')
  }

  #spawn(name: string, process: () => Promise<void>): void {
    this.trace.push(name)
    this.scheduler.spawn(process)
  }

  // ---- what people do

  #act(): void {
    const { authors, readers, does } = this.#cast
    const pick = <T>(list: readonly T[]): T => list[this.scheduler.below(list.length)]!
    const author = pick(authors)
    const reader = pick(readers)
    const actions: Record<keyof Cast['does'], () => void> = {
      post: () => this.#spawn(`post ${author}`, () => this.#post(author)),
      read: () => this.#spawn(`read ${reader}`, async () => void (await this.#walk(reader))),
      readOwn: () => this.#spawn(`read ${author}`, async () => void (await this.#walk(author))),
      change: () => this.#pair(reader, author, false),
      block: () => this.#pair(reader, author, true),
      delete: () => this.#spawn(`delete of ${author}`, () => this.#delete(author)),
      purge: () => this.#spawn('purges', () => this.#purgeDue()),
      expire: () => this.#spawn(`expire ${reader}`, () => this.#expire(reader)),
    }
    let dice = this.scheduler.below(100)
    for (const name of Object.keys(actions) as (keyof Cast['does'])[]) {
      dice -= does[name]
      if (dice >= 0) continue
      actions[name]()
      return
    }
    this.#options.clock.now += 40
  }

  /** One request at a time between two people: what two at once would mean is up to the network. */
  #pair(reader: Id, author: Id, blocks: boolean): void {
    const key = `${reader}:${author}`
    if (this.#busy.has(key)) return
    const blocked = this.expectations.isBlocked(reader, author)
    const change = () => {
      if (blocked) return this.#block(reader, author, false)
      if (blocks) return this.#block(reader, author, true)
      return this.expectations.isFollowing(reader, author)
        ? this.#unfollow(reader, author)
        : this.#follow(reader, author)
    }
    this.#busy.add(key)
    this.#spawn(`change ${key} ${blocked ? 'unblock' : blocks ? 'block' : 'follow or not'}`, () =>
      change().finally(() => this.#busy.delete(key)),
    )
  }

  async #post(author: Id): Promise<void> {
    const id = String(BigInt(firstIdAt(this.#clock())) + BigInt(this.#posts++ % 1024))
    const event = this.#event('post.created', author, {
      postId: id,
      userId: author,
      version: 1,
      awaitsMedia: false,
      hashtags: [],
    })
    if (this.#without('publish-after-commit')) await this.scheduler.step(() => this.#log.append(event))
    await this.truth.commitPost(author, id)
    this.expectations.posted(id, author)
    if (this.#without('newest-mode-counts')) this.#stamps.set(id, (await this.truth.fanout.mode(author)).mode)
    if (!this.#without('own-post')) {
      const post = { id, userId: author, caption: '', media: [], hashtags: [], version: 1, awaitsMedia: false }
      await this.redis.pipeline(writeOwnPost(post))
    }
    this.expectations.answered(id)
    if (!this.#without('publish-after-commit')) this.#log.deliver(event)
  }

  async #delete(author: Id): Promise<void> {
    const id = this.expectations.somePostOf(author, this.scheduler.below)
    if (id === null) return
    this.expectations.deleting(id)
    await this.truth.commitDelete(id)
    await this.redis.pipeline(deleteOwnPost(author, id, this.#clock()))
    this.expectations.deleted(id)
    this.#log.deliver(this.#event('post.deleted', author, { postId: id, userId: author, version: 2 }))
  }

  async #follow(reader: Id, author: Id): Promise<void> {
    this.expectations.changing(reader, author)
    const row = await this.truth.commitFollow(reader, author)
    if (row === null) return
    await this.redis.pipeline(unhide(reader, 'u', author))
    this.expectations.followed(row)
    this.#publishFollow(row)
  }

  async #unfollow(reader: Id, author: Id): Promise<void> {
    this.expectations.changing(reader, author)
    const row = await this.truth.commitUnfollow(reader, author)
    if (row === null) return
    await this.redis.pipeline(hide(reader, 'u', author))
    this.expectations.unfollowed(row)
    this.#publishFollow(row)
  }

  async #block(reader: Id, author: Id, active: boolean): Promise<void> {
    this.expectations.changing(reader, author)
    this.expectations.blocking(reader, author)
    const ended = await this.truth.commitBlock(reader, author, active)
    const change = active ? hide : unhide
    await this.redis.pipeline([
      ...change(reader, 'b', author),
      ...change(author, 'b', reader),
      ...ended.flatMap((row) => hide(row.followerId, 'u', row.followeeId)),
    ])
    for (const row of ended) this.expectations.unfollowed(row)
    this.expectations.blocked(reader, author, active)
    const state = active ? 'active' : 'removed'
    this.#log.deliver(
      this.#event('block.changed', reader, { userId: reader, targetId: author, kind: 'block', state, version: 1 }),
    )
    for (const row of ended) this.#publishFollow(row)
  }

  #publishFollow({ followerId, followeeId, state, version }: PairChange): void {
    this.#log.deliver(this.#event('follow.changed', followerId, { followerId, followeeId, state, version }))
  }

  async #expire(reader: Id): Promise<void> {
    await this.redis.pipeline([['DEL', keys.timeline(reader)]])
  }

  // ---- reading

  #readerPorts(): ReaderPorts {
    return {
      redis: this.redis,
      truth: this.truth,
      clock: this.#clock,
      policy: this.#policy,
      feed: SMALL_FEED,
      token: () => String(++this.#tokens),
      later: (work) => {
        // One rebuild in ten is never closed: its isolate was gone.
        if (this.scheduler.chance(0.9)) this.#spawn('close', () => this.#late(work))
      },
      without: new Set([this.#options.without ?? '']),
    }
  }

  async #late(work: () => Promise<unknown>): Promise<void> {
    for (let wait = this.scheduler.below(24); wait > 0; wait--) await this.scheduler.step(() => {})
    await work()
  }

  async #walk(reader: Id): Promise<ShownPost[]> {
    const due = this.expectations.mustSee(reader)
    const all: ShownPost[] = []
    let below: Id | null = null
    for (let pages = 0; pages < 60; pages++) {
      const forbidden = this.expectations.mustNotSee(reader)
      const page = await readPage(reader, below, this.#readerPorts())
      this.expectations.check(reader, page.shown, forbidden)
      all.push(...page.shown)
      below = page.bottom
      if (below === '0') break
    }
    if (below !== '0') this.expectations.violate(`the walk of ${reader} has no end`)
    this.expectations.checkWalk(reader, all, due)
    return all
  }

  // ---- consumers

  /** Handles an event with services of its own, which may die on the way and may have a twin. */
  async #handle(event: TidelineEvent): Promise<void> {
    if (this.scheduler.chance(0.04)) {
      this.#spawn(`twin of ${event.type}`, () => this.#handleOnce(event, new Fuse(-1)))
    }
    await this.#handleOnce(event, new Fuse(this.scheduler.chance(0.12) ? this.scheduler.below(14) : -1))
  }

  async #handleOnce(event: TidelineEvent, fuse: Fuse): Promise<void> {
    const { graph, fanout, crossings } = this.#services(fuse, event)
    switch (event.type) {
      case 'follow.changed':
        await graph.followChanged(event.data)
        return this.expectations.followHandled(event.data)
      case 'block.changed':
        return graph.blockChanged(event.data)
      case 'celebrity.changed':
        await crossings.modeChanged(event.data)
        if (this.#without('descent-keeps-celebrities') && event.data.mode === 'push')
          await this.#dropCelebrity(event.data.userId)
        return
      case 'post.created':
        await fanout.postCreated(event.data.postId)
        return this.expectations.fannedOut(event.data.postId)
      case 'fanout.page':
        await fanout.page(event.data)
        return this.expectations.pageDone(event.data.op === 'add' ? event.id : null, event.data.postId)
      case 'post.deleted':
        return fanout.postDeleted(event.data.postId)
      default:
        throw new Error(`no handler for ${event.type}`)
    }
  }

  #services(fuse: Fuse, event: TidelineEvent | null) {
    const redis: RedisPort = { pipeline: (commands) => fuse.guard(() => this.#pipelineFor(event, commands)) }
    const fanoutStore = this.#breakFanout(guarded(this.truth.fanout, fuse))
    const random = this.scheduler.random
    const needs = { store: fanoutStore, redis, policy: this.#policy, clock: this.#clock, random }
    const crossings = crossing({ ...needs, flushOutbox: () => fuse.guard(() => this.#flushOutbox()) })
    const fanout = fanoutService({
      ...needs,
      // Everything in sixty-four that looks at a length does so every other time here.
      random: () => (this.scheduler.chance(0.5) ? 0 : 0.99),
      publish: (events) => fuse.guard(() => this.#publishPages(events)),
      underLoad: () => this.scheduler.chance(0.15),
      observe: () => {},
    })
    const graph = this.#graph(redis, fuse, (author, count) => crossings.consider(author, count))
    return { crossings, fanout, graph }
  }

  #graph(redis: RedisPort, fuse: Fuse, onFollowers: (author: Id, count: number) => Promise<void>) {
    const store = guarded(this.truth.graph, fuse)
    if (this.#without('inverse-before-backfill')) {
      // The inverse row is written when everything else is done.
      const applyFollow: typeof store.applyFollow = async ({ state, version }) => ({ state, version, followerCount: 0 })
      let later: Parameters<typeof store.applyFollow>[0] | null = null
      return graphService({
        redis,
        policy: this.#policy,
        store: {
          ...store,
          applyFollow(change) {
            later = change
            return applyFollow(change)
          },
        },
        onFollowers: async (author) => {
          const applied = later === null ? null : await store.applyFollow(later)
          if (applied !== null) await onFollowers(author, applied.followerCount)
        },
      })
    }
    if (this.#without('registry-after-inverse')) {
      let mode: 'push' | 'both' | 'pull' = 'push'
      return graphService({
        redis,
        policy: this.#policy,
        onFollowers,
        store: {
          ...store,
          applyFollow: async (change) => {
            mode = (await store.standing(change.followerId, change.followeeId)).mode
            return store.applyFollow(change)
          },
          standing: async (reader, author) => ({ ...(await store.standing(reader, author)), mode }),
        },
      })
    }
    return graphService({ redis, policy: this.#policy, store, onFollowers })
  }

  #breakFanout(store: Truth['fanout']): Truth['fanout'] {
    if (this.#without('newest-mode-counts')) {
      const stamps = this.#stamps
      return {
        ...store,
        async target(id) {
          const target = await store.target(id)
          return target && { ...target, appliedMode: stamps.get(id) ?? target.appliedMode }
        },
      }
    }
    if (!this.#without('crossing-through-both')) return store
    const straight = (mode: string, up: boolean) =>
      mode === 'both' ? (up ? 'pull' : 'push') : (mode as 'push' | 'pull')
    return {
      ...store,
      changeMode: (author, from, to, event) => {
        const mode = straight(to, event.data.up)
        return store.changeMode(author, from, mode, { ...event, data: { ...event.data, mode } })
      },
    }
  }

  #pipelineFor(event: TidelineEvent | null, commands: Parameters<RedisPort['pipeline']>[0]) {
    const isDescent = event?.type === 'celebrity.changed' && !event.data.up
    if (!(isDescent && this.#without('descent-restarts-rebuilds'))) return this.redis.pipeline(commands)
    return this.redis.pipeline(commands.map((command) => (command[0] === 'INCR' ? ['GET', command[1]!] : command)))
  }

  async #flushOutbox(): Promise<void> {
    await this.scheduler.step(async () => {
      for (const event of await this.truth.takeOutbox()) this.#log.append(event)
    })
  }

  async #publishPages(events: readonly TidelineEvent[]): Promise<void> {
    await this.scheduler.step(() => {
      for (const event of events) {
        if (event.type === 'fanout.page' && event.data.op === 'add') {
          this.expectations.pageOpened(event.id, event.data.postId)
        }
        this.#log.append(event)
      }
    })
  }

  async #purgeDue(): Promise<void> {
    const fuse = new Fuse(this.scheduler.chance(0.2) ? this.scheduler.below(8) : -1)
    try {
      await this.#services(fuse, null).graph.purgeDue()
    } catch (fault) {
      if (!(fault instanceof Died)) throw fault
    }
    // What a dead process left in the outbox is found by the sweeper.
    await this.#flushOutbox()
  }

  async #dropCelebrity(author: Id): Promise<void> {
    for (const reader of this.#cast.readers) await this.redis.pipeline([['SREM', keys.celebs(reader), author]])
  }

  // ---- at rest

  /** A walk shows exactly what is followed, one's own included. */
  async #compareWhole(reader: Id, when: string): Promise<void> {
    if (this.expectations.violation) return
    let shown: ShownPost[] = []
    this.scheduler.spawn(async () => {
      shown = await this.#walk(reader)
    })
    await this.#drain()
    const expected = this.expectations.whole(reader)
    const got = shown.map(({ id }) => id).sort(compareIds)
    if (got.join() !== expected.join()) {
      this.expectations.violate(`${when}, ${reader} sees ${got.join()} instead of ${expected.join()}`)
    }
  }

  async #checkCounts(): Promise<void> {
    for (const author of this.#cast.authors) {
      const counted = await this.#now(() => this.truth.followerCount(author))
      const expected = this.#cast.readers.filter((reader) => this.expectations.isFollowing(reader, author)).length
      if (counted !== expected) this.expectations.violate(`${author} has ${counted} followers instead of ${expected}`)
    }
  }

  async #now<T>(read: () => Promise<T>): Promise<T> {
    let result: T | undefined
    this.scheduler.spawn(async () => {
      result = await read()
    })
    await this.#drain()
    return result as T
  }

  #event<T extends EventType>(type: T, key: Id, data: EventData<T>): TidelineEvent<T> {
    return makeEvent({ type, key, actor: null, data }, this.#clock, this.scheduler.random)
  }

  /** Every call to the database is a step. */
  #stepped(truth: Truth): Truth {
    const { graph, fanout, takeOutbox, passTime, openPurges, ...edge } = truth
    const step = <T extends object>(port: T): T => stepwise(port, this.scheduler)
    return { ...step(edge), graph: step(graph), fanout: step(fanout), takeOutbox, passTime, openPurges }
  }
}

type Calls = Record<string, (...args: never[]) => Promise<unknown>>

function wrapped<T extends object>(port: T, around: (call: () => Promise<unknown>) => Promise<unknown>): T {
  const calls = Object.entries(port as Calls).map(([name, call]) => [
    name,
    (...args: never[]) => around(() => call(...args)),
  ])
  return Object.fromEntries(calls) as T
}

const stepwise = <T extends object>(port: T, scheduler: Scheduler): T => wrapped(port, (call) => scheduler.step(call))
const guarded = <T extends object>(port: T, fuse: Fuse): T => wrapped(port, (call) => fuse.guard(call))

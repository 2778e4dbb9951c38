/**
 * One schedule: people post, follow, block and read while consumers fan out, crash and start over, in an interleaving
 * that a seed decides. What readers must see and must not see is kept beside it and compared at every page.
 */
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import { compareIds, type Id } from '#core/ids.ts'
import { withoutRule } from './broken.ts'
import { CASTS, type Cast, type CastName, SMALL_POLICY } from './cast.ts'
import { Consumers } from './consumers.ts'
import { Expectations } from './expectations.ts'
import { InterleavedLog } from './log.ts'
import { People } from './people.ts'
import { type DirectRedis, steppedRedis } from './redis.ts'
import { Scheduler, seeded } from './scheduler.ts'
import type { Stage } from './stage.ts'
import type { Truth } from './truth.ts'
import { wrapped } from './wrapped.ts'

const START_MS = 1_764_000_000_000
const MOST_PROCESSES = 8
const NAMES = Object.keys(CASTS) as CastName[]

export interface WorldOptions {
  seed: number
  redis: DirectRedis
  truth: (clock: () => number) => Truth
  clock: { now: number }
  /** One after the other, by the seed, unless said. */
  cast?: CastName
  policy?: Partial<FanoutPolicy>
  /** A rule to take out. */
  without?: string
  /** Share of the pages whose reader is shown what had been read when their time was over. */
  late?: number
}

export class World {
  /** What began, in order. */
  readonly trace: string[] = []
  readonly #options: WorldOptions
  readonly #stage: Stage
  readonly #people: People
  readonly #consumers: Consumers
  #left: number

  constructor(options: WorldOptions) {
    this.#options = options
    options.clock.now = START_MS
    this.#stage = this.#setStage()
    this.#left = this.#stage.cast.actions
    const log = new InterleavedLog(this.#stage.scheduler, this.#stage.cast.late, (event) =>
      this.#consumers.handle(event),
    )
    this.#people = new People(this.#stage, log, () => this.#consumers.purgeDue())
    this.#consumers = new Consumers(this.#stage, log, this.#people.stamps)
  }

  #setStage(): Stage {
    const { seed, redis, truth, clock, without = '', late = 0 } = this.#options
    const cast: Cast = CASTS[this.#options.cast ?? NAMES[seed % NAMES.length]!]
    const scheduler = new Scheduler(seeded(seed), cast.longestStall)
    const policy = { ...SMALL_POLICY, ...cast.policy, ...this.#options.policy }
    return {
      ...{ scheduler, cast, expectations: new Expectations(), latePages: late },
      clock: () => clock.now,
      peek: redis.execute,
      pass: (ms) => {
        clock.now += ms
      },
      truth: stepped(
        truth(() => clock.now),
        scheduler,
      ),
      redis: steppedRedis(redis, scheduler, withoutRule(without, redis)),
      policy: without === 'entry-outlives-purge' ? { ...policy, unfollowedForMs: 0 } : policy,
      without: (rule) => rule === without,
      spawn: (name, process) => {
        this.trace.push(name)
        scheduler.spawn(process)
      },
    }
  }

  /** Runs everything to its end and answers what was wrong, or null. */
  async run(): Promise<string | null> {
    const { scheduler, cast, expectations, policy } = this.#stage
    this.#options.redis.execute(['FLUSHALL'])
    for (const author of cast.authors)
      for (const reader of cast.readers) {
        if (scheduler.chance(cast.followed)) this.#people.change(reader, author, false)
      }
    await this.#drain()
    await this.#settle()
    // What was lost without a trace shows with the next post: a follower who is not pushed to, a celebrity who is not merged.
    for (const author of cast.authors) this.#stage.spawn(`last post ${author}`, () => this.#people.post(author))
    await this.#drain()
    for (const reader of [...cast.readers, ...cast.authors]) await this.#compareWhole(reader, 'at rest')
    this.#stage.pass(policy.celebsMaxAgeMs + 1)
    for (const reader of cast.readers) await this.#compareWhole(reader, 'when celebrities have aged')
    await this.#checkCounts()
    const [fault] = scheduler.faults
    if (fault !== undefined) throw fault
    return expectations.violation
  }

  async #drain(): Promise<void> {
    const { scheduler, cast, expectations, pass } = this.#stage
    await scheduler.run(() => {
      if (scheduler.chance(0.5)) pass(1)
      if (this.#left === 0 || scheduler.live >= MOST_PROCESSES || expectations.violation) return
      if (scheduler.chance(cast.haste)) {
        this.#left--
        this.#people.act()
      }
    })
  }

  /** Second purges fall due and run, crash or not, until none is left. */
  async #settle(): Promise<void> {
    const { truth, spawn, expectations } = this.#stage
    for (let round = 0; round < 12; round++) {
      await truth.passTime()
      spawn('purges', () => this.#consumers.purgeDue())
      await this.#drain()
    }
    if ((await truth.openPurges()) > 0) expectations.violate('second purges are never finished')
  }

  /** A walk shows exactly what is followed, one's own included. */
  async #compareWhole(reader: Id, when: string): Promise<void> {
    const { expectations } = this.#stage
    if (expectations.violation) return
    const shown = (await this.#now(() => this.#people.walk(reader))) ?? []
    const expected = expectations.whole(reader)
    const got = shown.map(({ id }) => id).sort(compareIds)
    if (got.join() !== expected.join()) {
      expectations.violate(`${when}, ${reader} sees ${got.join()} instead of ${expected.join()}`)
    }
  }

  async #checkCounts(): Promise<void> {
    const { cast, truth, expectations } = this.#stage
    for (const author of cast.authors) {
      const counted = await this.#now(() => truth.followerCount(author))
      const expected = cast.readers.filter((reader) => expectations.isFollowing(reader, author)).length
      if (counted !== expected) expectations.violate(`${author} has ${counted} followers instead of ${expected}`)
    }
  }

  async #now<T>(read: () => Promise<T>): Promise<T | undefined> {
    let result: T | undefined
    this.#stage.scheduler.spawn(async () => {
      result = await read()
    })
    await this.#drain()
    return result
  }
}

/** Every call to the database is a step; the statements of a batch are read one after the other, as others may commit. */
function stepped(truth: Truth, scheduler: Scheduler): Truth {
  const { graph, fanout, edge, takeOutbox, passTime, openPurges, ...commits } = truth
  const step = <T extends object>(port: T): T => wrapped(port, (call) => scheduler.step(call))
  return {
    ...step(commits),
    graph: step(graph),
    fanout: step(fanout),
    edge: {
      query: (statement) => scheduler.step(() => edge.query(statement)),
      async batch(statements) {
        const results: Awaited<ReturnType<typeof edge.batch>> = []
        for (const statement of statements) results.push(await scheduler.step(() => edge.query(statement)))
        return results
      },
    },
    ...{ takeOutbox, passTime, openPurges },
  }
}

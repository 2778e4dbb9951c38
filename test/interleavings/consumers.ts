/** Consumers: the real services of graph, fan-out and crossing, with processes that die and events that come twice. */
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'
import { crossing } from '../../origin/fanout/crossing.ts'
import { createLanes } from '../../origin/fanout/lanes.ts'
import { fanoutService } from '../../origin/fanout/service.ts'
import { graphService } from '../../origin/graph/service.ts'
import { brokenFanout, brokenGraph } from './broken-stores.ts'
import { Died, Fuse, type InterleavedLog } from './log.ts'
import type { Stage } from './stage.ts'
import { wrapped } from './wrapped.ts'

type Mode = 'push' | 'both' | 'pull'

export class Consumers {
  readonly #stage: Stage
  readonly #log: InterleavedLog
  readonly #stamps: ReadonlyMap<Id, Mode>

  constructor(stage: Stage, log: InterleavedLog, stamps: ReadonlyMap<Id, Mode>) {
    this.#stage = stage
    this.#log = log
    this.#stamps = stamps
  }

  /** Handles an event with services of its own, which may die on the way and may have a twin. */
  async handle(event: TidelineEvent): Promise<void> {
    const { scheduler, spawn } = this.#stage
    if (scheduler.chance(0.04)) spawn(`twin of ${event.type}`, () => this.#handleOnce(event, new Fuse(-1)))
    await this.#handleOnce(event, new Fuse(scheduler.chance(0.12) ? scheduler.below(14) : -1))
  }

  async #handleOnce(event: TidelineEvent, fuse: Fuse): Promise<void> {
    const { expectations, without } = this.#stage
    const { graph, fanout, crossings } = this.#services(fuse, event)
    switch (event.type) {
      case 'follow.changed':
        await graph.followChanged(event.data)
        return expectations.followHandled(event.data)
      case 'block.changed':
        return graph.blockChanged(event.data)
      case 'celebrity.changed':
        await crossings.modeChanged(event.data)
        if (without('descent-keeps-celebrities') && event.data.mode === 'push')
          await this.#dropCelebrity(event.data.userId)
        return
      case 'crossing.page':
        return crossings.page(event.data)
      case 'post.created':
        await fanout.postCreated(event.data.postId)
        return expectations.fannedOut(event.data.postId)
      case 'fanout.page':
        await fanout.page(event.data)
        return expectations.pageDone(event.data.op === 'add' ? event.id : null, event.data.postId)
      case 'post.deleted':
        return fanout.postDeleted(event.data.postId)
      default:
        throw new Error(`no handler for ${event.type}`)
    }
  }

  /** Runs the second purges that are due, in a process that may die. */
  async purgeDue(): Promise<void> {
    const { scheduler } = this.#stage
    const fuse = new Fuse(scheduler.chance(0.2) ? scheduler.below(8) : -1)
    try {
      await this.#services(fuse, null).graph.purgeDue()
    } catch (fault) {
      if (!(fault instanceof Died)) throw fault
    }
    // What a dead process left in the outbox is found by the sweeper.
    await this.#flushOutbox()
  }

  #services(fuse: Fuse, event: TidelineEvent | null) {
    const { scheduler, truth, policy, clock } = this.#stage
    const redis: RedisPort = { pipeline: (commands) => fuse.guard(() => this.#pipelineFor(event, commands)) }
    const guarded = <T extends object>(port: T): T => wrapped(port, (call) => fuse.guard(call))
    const store = brokenFanout(this.#stage, guarded(truth.fanout), this.#stamps)
    const needs = { store, redis, policy, clock, random: scheduler.random }
    const publish = (events: readonly TidelineEvent[]) => fuse.guard(() => this.#publishPages(events))
    const lanes = createLanes(clock)
    const flushOutbox = () => fuse.guard(() => this.#flushOutbox())
    const crossings = crossing({ ...needs, publish, lanes, flushOutbox })
    const fanout = fanoutService({
      ...needs,
      // Everything in sixty-four that looks at a length does so every other time here.
      random: () => (scheduler.chance(0.5) ? 0 : 0.99),
      publish,
      lanes,
      load: () => (scheduler.chance(0.15) ? 'overloaded' : scheduler.chance(0.15) ? 'busy' : 'calm'),
      observe: () => {},
    })
    const consider = (author: Id, count: number) => crossings.consider(author, count)
    const graph = graphService({
      redis,
      policy,
      clock,
      whenIdle: (work) => work(),
      ...brokenGraph(this.#stage, { store: guarded(truth.graph), onFollowers: consider }),
    })
    return { crossings, fanout, graph }
  }

  #pipelineFor(event: TidelineEvent | null, commands: Parameters<RedisPort['pipeline']>[0]) {
    const { redis, without } = this.#stage
    const isDescent = event?.type === 'crossing.page' && !event.data.up
    if (!(isDescent && without('descent-restarts-rebuilds'))) return redis.pipeline(commands)
    return redis.pipeline(commands.map((command) => (command[0] === 'INCR' ? ['GET', command[1]!] : command)))
  }

  async #flushOutbox(): Promise<void> {
    await this.#stage.scheduler.step(async () => {
      for (const event of await this.#stage.truth.takeOutbox()) this.#log.append(event)
    })
  }

  async #publishPages(events: readonly TidelineEvent[]): Promise<void> {
    await this.#stage.scheduler.step(() => {
      for (const event of events) {
        if (event.type === 'fanout.page' && event.data.op === 'add') {
          this.#stage.expectations.pageOpened(event.id, event.data.postId)
        }
        this.#log.append(event)
      }
    })
  }

  async #dropCelebrity(author: Id): Promise<void> {
    const { cast, redis } = this.#stage
    for (const reader of cast.readers) await redis.pipeline([['SREM', keys.celebs(reader), author]])
  }
}

/** What the event log does when members come and go, events are poison, and stores are away. */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { RedisAwayError } from '#core/redis.ts'
import type { OperableEventLog } from '../../origin/event-log.ts'
import { ids, type Liked, liked, onEveryLog, range, type Seen, until } from './event-log-harness.ts'

const keysOf = (seen: readonly Seen[]) => Map.groupBy(seen, ({ event }) => event.key)

/** In the order of their making, each at least once: a repetition may go back, but never skip ahead. */
function expectOrdered(seen: readonly Seen[]): void {
  for (const [key, events] of keysOf(seen)) {
    let next = 0
    for (const { event } of events) {
      expect(event.data.at, `key ${key}`).toBeLessThanOrEqual(next)
      next = Math.max(next, event.data.at + 1)
    }
  }
}

onEveryLog('the event log under faults', ({ open, openAndForget, follow }) => {
  async function publishSlowly(log: OperableEventLog, keys: number, each: number): Promise<Liked[]> {
    const all: Liked[] = []
    for (const at of range(each)) {
      const events = range(keys).map((key) => liked(`key-${key}`, at))
      await log.publish(events)
      all.push(...events)
    }
    return all
  }

  it('loses nothing and keeps each key in order while members come and go', async () => {
    const publisher = open()
    const steady = follow(open(), 'a')
    const everybody = [steady]
    let more = true
    const publishing = (async () => {
      const events: Liked[] = []
      for (let at = 0; more; at++) {
        const round = range(10).map((key) => liked(`key-${key}`, at))
        await publisher.publish(round)
        events.push(...round)
        await delay(5)
      }
      return events
    })()
    for (let round = 0; round < 3; round++) {
      const passing = follow(open(), 'a')
      everybody.push(passing)
      await until(() => passing.seen.length).toBeGreaterThan(0)
      await passing.consumer.stop()
    }
    more = false
    const events = await publishing
    await until(() => steady.consumer.lag()).toBe(0)
    const all = everybody.flatMap(({ seen }) => seen)
    const there = new Set(ids(all))
    expect(events.filter(({ id }) => !there.has(id))).toEqual([])
    for (const { seen } of everybody) expect(new Set(ids(seen)).size).toBe(seen.length)
    // Every hand-over was orderly, so nobody was given what another had done.
    expect(all.length).toBe(events.length)
  })

  it('lets a handler at work finish before its partition goes to a new member', async () => {
    const log = open()
    let atWork = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++atWork)
      await delay(150)
      atWork--
    }
    // One key, so that two at work at once would be two members on one partition.
    const first = follow(log, 'a', work)
    await log.publish(range(6).map((at) => liked('k', at)))
    await until(() => first.seen.length).toBeGreaterThan(0)
    const second = follow(open(), 'a', work)
    const third = follow(open(), 'a', work)
    await until(() => first.seen.length + second.seen.length + third.seen.length).toBeGreaterThanOrEqual(6)
    await until(() => first.consumer.lag()).toBe(0)
    expect(most).toBe(1)
    expect([...first.seen, ...second.seen, ...third.seen].length).toBe(6)
  })

  it('hands out again what a member had in hand when it died, and only that', async () => {
    const { log: doomed, die } = openAndForget()
    const hanging = Promise.withResolvers<void>()
    const begun: string[] = []
    const lost = follow(doomed, 'a', async ({ event }) => {
      if (event.data.at < 3) return
      begun.push(event.id)
      await hanging.promise
    })
    const events = range(6).map((at) => liked('k', at))
    await doomed.publish(events)
    await until(() => lost.seen.length).toBe(3)
    await until(() => begun.length).toBe(1)
    await until(() => lost.consumer.lag()).toBe(3)
    die()
    const survivor = follow(open(), 'a')
    await until(() => ids(survivor.seen), 40_000).toEqual(events.slice(3).map(({ id }) => id))
    hanging.resolve()
  })

  it('gives a poison event up once, whoever holds it, and lets the others of its partition pass', async () => {
    const log = open()
    const poison = async ({ event }: Seen) => {
      if (event.data.at === 1) throw new Error('poison')
    }
    const { seen } = follow(log, 'a', poison)
    const other = follow(open(), 'a', poison)
    const healthy = follow(log, 'b')
    await log.publish(range(4).map((at) => liked('k', at)))
    await until(() => [...seen, ...other.seen].map(({ event }) => event.data.at).toSorted()).toEqual([0, 2, 3])
    await until(() => healthy.seen.length).toBe(4)
    const letters = await log.deadLetters('post.liked')
    expect(letters.map(({ group, attempts, reason }) => ({ group, attempts, reason }))).toEqual([
      { group: 'a', attempts: 3, reason: 'Error: poison' },
    ])
  })

  it('keeps the letters of each group apart when one of them is replayed', async () => {
    const log = open()
    let broken = true
    const failing = async () => {
      if (broken) throw new Error('not today')
    }
    const [a, b] = [follow(log, 'a', failing), follow(log, 'b', failing)]
    const events = range(3).map((at) => liked(`k${at}`, at))
    await log.publish(events)
    await until(async () => (await log.deadLetters('post.liked')).length).toBe(6)
    expect(await log.deadLetters('post.liked', 2)).toHaveLength(2)
    broken = false
    expect(await log.replayDeadLetters('post.liked', 'a')).toBe(3)
    await until(() => ids(a.seen).toSorted()).toEqual(events.map(({ id }) => id).toSorted())
    const left = await log.deadLetters('post.liked')
    expect(left.map(({ group }) => group)).toEqual(['b', 'b', 'b'])
    expect(await log.replayDeadLetters('post.liked')).toBe(3)
    await until(() => b.seen.length).toBe(3)
    await until(() => a.consumer.lag()).toBe(0)
    expect(a.seen.length).toBe(3)
    expect(await log.deadLetters('post.liked')).toEqual([])
  })

  it("waits out the outage of an effect's store, and holds up no other partition meanwhile", async () => {
    const log = open()
    let tries = 0
    const { seen, consumer } = follow(log, 'a', async ({ event }) => {
      if (event.key === 'stuck' && tries++ < 25) throw new RedisAwayError('no answer')
    })
    await log.publish([liked('stuck', 0), ...range(20).map((n) => liked(`k${n}`, 0))])
    await until(() => seen.length).toBe(21)
    expect(tries).toBe(26)
    await until(() => consumer.lag()).toBe(0)
    expect(await log.deadLetters('post.liked')).toEqual([])
  })

  it('gives out what was published twice twice, and what came late after what came early', async () => {
    const log = open()
    const { seen } = follow(log, 'a')
    const [early, late] = [liked('k', 7), liked('k', 3)]
    await log.publish([early])
    await log.publish([late, early])
    await until(() => seen.length).toBe(3)
    // The log orders by arrival, not by what events say: consumers compare versions (docs/correctness.md, rule 17).
    expect(ids(seen)).toEqual([early.id, late.id, early.id])
  })

  it('goes back to an instant for all groups, when what they wrote elsewhere since is lost', async () => {
    const first = open()
    const before = follow(first, 'a')
    const other = follow(first, 'b')
    await first.publish([liked('before', 0)])
    await until(() => before.seen.length + other.seen.length).toBe(2)
    await delay(20)
    const since = Date.now()
    await first.publish([liked('x', 1), liked('y', 1)])
    await until(() => before.consumer.lag()).toBe(0)
    await until(() => other.consumer.lag()).toBe(0)
    await first.close()

    const next = open()
    await next.rewind(since)
    const after = follow(next, 'a')
    const also = follow(next, 'b')
    await until(() => after.seen.map(({ event }) => event.key).toSorted()).toEqual(['x', 'y'])
    await until(() => also.seen.length).toBe(2)
  })

  it('reads what was appended since an instant to whoever asks, beside all groups', async () => {
    const log = open()
    await log.publish(range(20).map((at) => liked(`k${at % 7}`, at)))
    await delay(20)
    const since = Date.now()
    const late = range(300).map((at) => liked(`k${at % 7}`, 1_000 + at))
    await log.publish(late)
    const found: Liked[] = []
    for await (const events of log.since(['post.liked'], since)) found.push(...events)
    expect(found.map(({ id }) => id).toSorted()).toEqual(late.map(({ id }) => id).toSorted())
    for (const key of range(7)) {
      const order = found.filter((event) => event.key === `k${key}`).map(({ data }) => data.at)
      expect(order).toEqual(order.toSorted((a, b) => a - b))
    }
  })

  it('ends promptly: idle, in the middle of joining, with a handler that never ends', async () => {
    const started = performance.now()
    const idle = open()
    await idle.close()
    const joining = open()
    follow(joining, 'a')
    await joining.close()
    const busy = open()
    const { promise: working, resolve: begun } = Promise.withResolvers<void>()
    follow(busy, 'b', async ({ context }) => {
      begun()
      await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()))
    })
    await busy.publish([liked('k', 0)])
    await working
    await busy.close()
    expect(performance.now() - started).toBeLessThan(20_000)
  })

  it('keeps the order of keys when a member is taken for dead in the middle', async () => {
    const { log: doomed, die } = openAndForget()
    const lost = follow(doomed, 'a')
    const living = open()
    const first = publishSlowly(living, 6, 5)
    await until(() => lost.seen.length).toBeGreaterThan(0)
    const survivor = follow(living, 'a')
    die()
    const events = await first
    await until(() => survivor.consumer.lag(), 40_000).toBe(0)
    const there = new Set([...ids(lost.seen), ...ids(survivor.seen)])
    expect(events.filter(({ id }) => !there.has(id))).toEqual([])
    expectOrdered([...lost.seen, ...survivor.seen])
  })
})

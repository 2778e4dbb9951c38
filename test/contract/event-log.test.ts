import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { Unprocessable } from '../../origin/event-log.ts'
import { ids, liked, onEveryLog, range, until } from './event-log-harness.ts'

onEveryLog('the event log', ({ engine, open, openAndForget, follow }) => {
  it('keeps the order of each key, however many publish at once', async () => {
    const publishers = [open(), open(), open()]
    const { seen } = follow(open(), 'a')
    await Promise.all(
      range(12).map(async (key) => {
        for (const at of range(20)) await publishers[key % 3]!.publish([liked(`key-${key}`, at)])
      }),
    )
    await until(() => seen.length).toBe(240)
    for (const key of range(12)) {
      const order = seen.filter(({ event }) => event.key === `key-${key}`).map(({ event }) => event.data.at)
      expect(order).toEqual(range(20))
    }
  })

  it('gives offsets without gaps, visible in order, while publishers race with a reader', async () => {
    const { seen } = follow(open(), 'a')
    const publishers = [open(), open()]
    await Promise.all(
      publishers.flatMap((log) =>
        range(5).map(async (n) => {
          for (const at of range(10)) await log.publish(range(5).map((k) => liked(`k${(n + k) % 3}`, at)))
        }),
      ),
    )
    await until(() => seen.length).toBe(500)
    for (const [, partition] of Map.groupBy(seen, (one) => one.context.partition)) {
      const offsets = partition.map((one) => one.context.offset)
      expect(offsets).toEqual(engine().gapless ? range(offsets.length) : offsets.toSorted((a, b) => a - b))
    }
  })

  it('gives every group every event, and each its own place', async () => {
    const log = open()
    const events = range(30).map((at) => liked(`k${at % 7}`, at))
    await log.publish(events)
    const first = follow(log, 'first')
    await until(() => first.seen.length).toBe(30)
    // A group that comes later starts at the earliest event.
    const second = follow(log, 'second')
    await until(() => second.seen.length).toBe(30)
    expect(ids(second.seen).toSorted()).toEqual(events.map((event) => event.id).toSorted())
    expect(first.seen.length).toBe(30)
  })

  it('hands an event to its handler within milliseconds', async () => {
    const log = open()
    const { seen } = follow(log, 'a')
    await log.publish([liked('warm', 0)])
    await until(() => seen.length).toBe(1)
    const delays: number[] = []
    for (const at of range(20)) {
      const { promise, resolve } = Promise.withResolvers<number>()
      const started = performance.now()
      const watch = setInterval(() => {
        if (seen.length !== at + 2) return
        clearInterval(watch)
        resolve(performance.now() - started)
      }, 1)
      await log.publish([liked(`k${at}`, at)])
      delays.push(await promise)
    }
    // The machine may be busy; a poll instead of a wake-up would still show.
    expect(delays.toSorted((a, b) => a - b)[10]).toBeLessThan(50)
  })

  it('goes on after the last committed event when a member comes back', async () => {
    const log = open()
    const before = follow(log, 'a')
    await log.publish(range(40).map((at) => liked(`k${at % 5}`, at)))
    await until(() => before.consumer.lag()).toBe(0)
    await log.close()
    const again = open()
    const after = follow(again, 'a')
    const more = range(10).map((at) => liked(`k${at % 5}`, at))
    await again.publish(more)
    await until(() => after.seen.length).toBe(10)
    expect(ids(after.seen).toSorted()).toEqual(more.map((event) => event.id).toSorted())
  })

  it('shares the partitions among the members of a group', async () => {
    const [one, other] = [open(), open()]
    const first = follow(one, 'a')
    await one.publish([liked('warm', 0)])
    await until(() => first.seen.length).toBe(1)
    const second = follow(other, 'a')
    const sent: string[] = [first.seen[0]!.event.id]
    await until(async () => {
      const events = range(16).map((n) => liked(`k${n}`, 1))
      sent.push(...events.map((event) => event.id))
      await one.publish(events)
      return second.seen.length > 0
    }).toBe(true)
    await until(() => first.consumer.lag()).toBe(0)
    expect(new Set([...ids(first.seen), ...ids(second.seen)])).toEqual(new Set(sent))
    // Handed over with its place: no event was given to both.
    expect(first.seen.length + second.seen.length).toBe(sent.length)
  })

  it("takes over a dead member's partitions, losing nothing", async () => {
    const { log: doomed, die } = openAndForget()
    const lost = follow(doomed, 'a')
    await doomed.publish([liked('warm', 0)])
    await until(() => lost.seen.length).toBe(1)
    const living = open()
    const survivor = follow(living, 'a')
    die()
    const events = range(32).map((at) => liked(`k${at}`, at))
    await living.publish(events)
    await until(() => survivor.consumer.lag()).toBe(0)
    const all = new Set(ids(survivor.seen))
    expect(events.filter((event) => !all.has(event.id))).toEqual([])
  })

  it('tries again in place, and holds back only the partition of the event', async () => {
    const log = open()
    const attempts: number[] = []
    const { seen } = follow(log, 'a', async ({ event, context }) => {
      if (event.key !== 'troubled' || event.data.at !== 0) return
      attempts.push(context.attempt)
      if (context.attempt < 3) throw new Error('not yet')
    })
    await log.publish([liked('troubled', 0), liked('troubled', 1), ...range(10).map((n) => liked(`k${n}`, 0))])
    await until(() => seen.length).toBe(12)
    expect(attempts).toEqual([1, 2, 3])
    const troubled = seen.filter(({ event }) => event.key === 'troubled').map(({ event }) => event.data.at)
    expect(troubled).toEqual([0, 1])
    expect(await log.deadLetters('post.liked')).toEqual([])
  })

  it('lays an event that keeps failing into the dead letters, goes on, and replays it on command', async () => {
    const log = open()
    let broken = true
    const { seen } = follow(log, 'a', async ({ event }) => {
      if (broken && event.data.at === 0) throw new Error('no such luck')
    })
    const other = follow(log, 'other')
    const events = [liked('k', 0), liked('k', 1)]
    await log.publish(events)
    await until(() => ids(seen)).toEqual([events[1]!.id])
    const [letter, ...more] = await log.deadLetters('post.liked')
    expect(more).toEqual([])
    expect(letter).toMatchObject({
      group: 'a',
      attempts: 3,
      offset: 0,
      reason: 'Error: no such luck',
      event: events[0],
    })

    broken = false
    expect(await log.replayDeadLetters('post.liked', 'somebody-else')).toBe(0)
    expect(await log.replayDeadLetters('post.liked', 'a')).toBe(1)
    await until(() => ids(seen)).toEqual([events[1]!.id, events[0]!.id])
    await until(() => other.consumer.lag()).toBe(0)
    // The group that had handled it is not given it again.
    expect(other.seen.length).toBe(2)
    expect(await log.deadLetters('post.liked')).toEqual([])
  })

  it('does not try again what can never be applied', async () => {
    const log = open()
    let tries = 0
    const { consumer } = follow(log, 'a', async () => {
      tries++
      throw new Unprocessable('the post is of another world')
    })
    await log.publish([liked('k', 0)])
    await until(() => log.deadLetters('post.liked').then((letters) => letters.length)).toBe(1)
    await until(() => consumer.lag()).toBe(0)
    expect(tries).toBe(1)
  })

  it('lets a handler at work finish before it stops, and hands its place on', async () => {
    const log = open()
    const { promise: working, resolve: started } = Promise.withResolvers<void>()
    const { promise: gate, resolve: finish } = Promise.withResolvers<void>()
    const { seen, consumer } = follow(log, 'a', async () => {
      started()
      await gate
    })
    await log.publish([liked('k', 0), liked('k', 1)])
    await working
    const stopped = consumer.stop()
    finish()
    await stopped
    expect(seen.length).toBe(1)
    const next = follow(open(), 'a')
    await until(() => next.seen.map(({ event }) => event.data.at)).toEqual([1])
  })

  it('counts what a group has still to handle', async () => {
    const log = open()
    const { promise: gate, resolve: finish } = Promise.withResolvers<void>()
    const { consumer } = follow(log, 'a', () => gate)
    await log.publish(range(5).map((at) => liked('k', at)))
    await until(() => consumer.lag()).toBe(5)
    finish()
    await until(() => consumer.lag()).toBe(0)
  })

  it('has all that it acknowledged to a process that was killed', async () => {
    const script = fileURLToPath(new URL('./event-log-publisher.ts', import.meta.url))
    const acknowledged: string[] = []
    for (const name of ['first', 'second']) {
      const child: ChildProcess = spawn(process.execPath, [script, JSON.stringify(engine().forPublisher()), name], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const lines = createInterface({ input: child.stdout! })
      lines.on('line', (line) => {
        acknowledged.push(line)
        if (acknowledged.filter((id) => id.startsWith(name)).length === 40) child.kill('SIGKILL')
      })
      await Promise.all([once(child, 'exit'), once(lines, 'close')])
    }
    const found: string[] = []
    const offsets = new Map<number, number[]>()
    const consumer = open().subscribe({
      group: 'a',
      topics: ['user.changed'],
      async handle(event, { partition, offset }) {
        found.push(event.id)
        offsets.set(partition, [...(offsets.get(partition) ?? []), offset])
      },
    })
    await until(() => found.length).toBeGreaterThanOrEqual(acknowledged.length)
    await until(() => consumer.lag()).toBe(0)
    const there = new Set(found)
    expect(acknowledged.filter((id) => !there.has(id))).toEqual([])
    expect(found.length).toBe(there.size)
    for (const [, partition] of offsets) if (engine().gapless) expect(partition).toEqual(range(partition.length))
  })
})

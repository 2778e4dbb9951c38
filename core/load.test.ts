import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLoad, LOAD_CLASSES, type LoadClass } from './load.ts'

const POLICY = { most: 100, least: 32, targetMs: 100, lagMs: 20 }

const fill = (load: ReturnType<typeof createLoad>, kind: LoadClass) => {
  let entered = 0
  while (load.enter(kind) !== null) entered++
  return entered
}

describe('what is let in', () => {
  it('keeps room for what is more important: the feed has all, background work the least', () => {
    const rooms = LOAD_CLASSES.map((kind) =>
      fill(
        createLoad(POLICY, () => 0),
        kind,
      ),
    )
    expect(rooms).toEqual([100, 75, 60, 40])
  })

  it('lets a feed in where everything else has its share, until nothing goes any more', () => {
    const load = createLoad(POLICY, () => 0)
    for (const kind of [...LOAD_CLASSES].reverse()) fill(load, kind)
    expect(load.inFlight).toBe(100)
    load.leave(0)
    expect(load.enter('interactive')).toBeNull()
    expect(load.enter('feed')).toBe(0)
  })
})

it('what goes on behind its answer is under way until it ends, with no room left, too', () => {
  const load = createLoad(POLICY, () => 0)
  fill(load, 'feed')
  const place = load.stay()
  load.leave(0)
  expect(load.enter('feed')).toBeNull()
  load.leave(place)
  expect(load.enter('feed')).toBe(0)
})

it('a place that nobody gives back is forgotten in the second minute after it was taken', () => {
  let now = 0
  const load = createLoad(POLICY, () => now)
  fill(load, 'feed')
  now = 60_000
  const place = load.stay()
  expect(load.inFlight).toBe(101)
  now = 120_000
  expect(load.inFlight).toBe(1)
  // Who leaves after all leaves no place of another's.
  load.leave(0)
  expect(load.inFlight).toBe(1)
  load.leave(place)
  expect(load.inFlight).toBe(0)
  load.stay()
  now = 600_000
  expect(load.inFlight).toBe(0)
})

describe('the limit', () => {
  it('becomes what gets done in the time that a feed may take', () => {
    const load = createLoad(POLICY, () => 0)
    fill(load, 'feed')
    load.took(125)
    expect(load.limit).toBe(80)
  })

  it('is not cut twice for requests that began before the cut, nor to less than half at once', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    fill(load, 'feed')
    load.took(1_000)
    expect(load.limit).toBe(50)
    now = 900
    load.took(1_000)
    expect(load.limit).toBe(50)
    now = 1_000
    load.took(1_000)
    expect(load.limit).toBe(32)
  })

  it('is not cut by a slow feed while there is little to do', () => {
    const load = createLoad(POLICY, () => 0)
    for (let i = 0; i < 49; i++) load.enter('feed')
    load.took(3_000)
    expect(load.limit).toBe(100)
  })

  it('stays where it is set, if that is below what no process finds heavy', () => {
    const load = createLoad({ ...POLICY, most: 1 }, () => 0)
    load.enter('feed')
    load.took(1_000)
    expect(load.limit).toBe(1)
  })

  it('grows again, by about one for each round of requests that are quick', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    fill(load, 'feed')
    load.took(200)
    now = 1_000
    for (let i = 0; i < 50; i++) load.took(20)
    expect(load.limit).toBe(50)
    load.took(20)
    load.took(20)
    expect(load.limit).toBe(51)
  })

  it('stays between its bounds, and counts what is under way, whatever happens', () => {
    const event = fc.oneof(
      fc.record({ enter: fc.constantFrom(...LOAD_CLASSES) }),
      fc.record({ leave: fc.integer({ min: 0, max: 5_000 }) }),
      fc.record({ late: fc.integer({ min: 0, max: 500 }) }),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400 }), (events) => {
        let now = 0
        let inside: { place: number; takenMs: number }[] = []
        const load = createLoad(POLICY, () => now)
        for (const one of events) {
          if ('enter' in one) {
            const place = load.enter(one.enter)
            if (place !== null) inside.push({ place, takenMs: now })
          } else if ('late' in one) load.late(one.late)
          else {
            now += one.leave
            load.took(one.leave)
            const leaves = inside.shift()
            if (leaves !== undefined) load.leave(leaves.place)
          }
          inside = inside.filter(({ takenMs }) => Math.floor(now / 60_000) - Math.floor(takenMs / 60_000) < 2)
          expect(load.inFlight).toBe(inside.length)
          expect(load.limit).toBeGreaterThanOrEqual(16)
          expect(load.limit).toBeLessThanOrEqual(100)
        }
      }),
    )
  })
})

describe('a process that is late with what it has to do', () => {
  it('takes on less, by so much as it is too late, at most by half', () => {
    const load = createLoad(POLICY, () => 0)
    load.late(25)
    expect(load.limit).toBe(100)
    load.late(25)
    expect(load.limit).toBe(80)
    load.late(500)
    expect(load.limit).toBe(64)
    load.late(500)
    expect(load.limit).toBe(32)
    for (let i = 0; i < 10; i++) load.late(500)
    expect(load.limit).toBe(16)
  })

  it('is not taken for that when it is late once, or was before', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    for (let i = 0; i < 10; i++) {
      load.late(200)
      load.late(20)
    }
    expect(load.limit).toBe(100)
    load.late(200)
    now = 500
    load.late(200)
    expect(load.limit).toBe(100)
  })

  it('takes on more again only when it is late no longer', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    fill(load, 'feed')
    load.late(40)
    load.late(40)
    expect(load.limit).toBe(50)
    for (let i = 0; i < 60; i++) load.took(20)
    expect(load.limit).toBe(50)
    now = 500
    for (let i = 0; i < 60; i++) load.took(20)
    expect(load.limit).toBe(51)
  })

  it('is looked at by one at a time, where there is something to do, and by another when that one is gone', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    for (let i = 0; i < 7; i++) load.enter('feed')
    expect(load.asksHowLate()).toBe(false)
    load.enter('feed')
    expect([load.asksHowLate(), load.asksHowLate()]).toEqual([true, false])
    load.late(1)
    expect([load.asksHowLate(), load.asksHowLate()]).toEqual([true, false])
    now = 500
    expect([load.asksHowLate(), load.asksHowLate()]).toEqual([true, false])
  })
})

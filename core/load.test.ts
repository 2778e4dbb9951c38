import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLoad, LOAD_CLASSES, type LoadClass } from './load.ts'

const POLICY = { most: 100, least: 32, targetMs: 100, lagMs: 20 }

const fill = (load: ReturnType<typeof createLoad>, kind: LoadClass) => {
  let entered = 0
  while (load.enter(kind) !== null) entered++
  return entered
}

/** So many come and go that twenty milliseconds' worth of them is a queue. */
const crowd = (load: ReturnType<typeof createLoad>) => {
  for (let i = 0; i < 1_000; i++) {
    const place = load.enter('interactive')
    if (place !== null) load.leave(place)
  }
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

it('a place is given back once, though the clock was set back over the minute in which it was taken', () => {
  let now = 60_000
  const load = createLoad(POLICY, () => now)
  const places = [load.stay(), load.stay()]
  now = 59_000
  expect(load.inFlight).toBe(2)
  now = 60_000
  for (const place of places) load.leave(place)
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

  it('is forgiven, twofold a second, once it keeps nobody out; until then it is not', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    fill(load, 'feed')
    load.took(300)
    expect(load.limit).toBe(50)
    for (now = 999; now < 5_000; now += 999) load.enter('feed')
    expect(load.limit).toBe(50)
    for (let i = 0; i < 100; i++) load.leave(0)
    now += 2
    expect(fill(load, 'feed')).toBe(100)
  })

  it('is back within seconds, wherever it was, when next to nobody comes', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    for (; load.limit > 16; now += 100) {
      crowd(load)
      load.late(100)
    }
    const limits = Array.from({ length: 4 }, () => {
      const place = load.enter('background')
      if (place !== null) load.leave(place)
      now += 1_000
      return load.limit
    })
    expect(limits).toEqual([16, 32, 64, 100])
  })

  it('is forgiven though background work is kept out', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    fill(load, 'feed')
    load.took(300)
    for (let i = 0; i < 70; i++) load.leave(0)
    for (now = 100; now < 1_000; now += 300) expect(load.enter('background')).toBeNull()
    expect(load.enter('background')).not.toBeNull()
    expect(load.limit).toBe(100)
  })

  it('stays between its bounds, and counts what is under way, whatever happens', () => {
    const event = fc.oneof(
      fc.record({ enter: fc.constantFrom(...LOAD_CLASSES) }),
      fc.record({ setBack: fc.integer({ min: 0, max: 100_000 }) }),
      fc.record({ leave: fc.integer({ min: 0, max: 5_000 }) }),
      fc.record({ late: fc.integer({ min: 0, max: 500 }) }),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400 }), (events) => {
        let now = 200_000
        let minute = 3
        let inside: { place: number; minute: number }[] = []
        const load = createLoad(POLICY, () => now)
        for (const one of events) {
          // The latest that the clock has shown: who sets it back brings no minute again.
          minute = Math.max(minute, Math.floor(now / 60_000))
          if ('enter' in one) {
            const place = load.enter(one.enter)
            if (place !== null) inside.push({ place, minute })
          } else if ('setBack' in one) now -= one.setBack
          else if ('late' in one) load.late(one.late)
          else {
            now += one.leave
            load.took(one.leave)
            const leaves = inside.shift()
            if (leaves !== undefined) load.leave(leaves.place)
          }
          minute = Math.max(minute, Math.floor(now / 60_000))
          inside = inside.filter((taken) => minute - taken.minute < 2)
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
    let now = 0
    const load = createLoad(POLICY, () => now)
    const lateAgain = (ms: number) => {
      now += 490
      crowd(load)
      load.late(ms)
      now += 10
      load.late(ms)
      return load.limit
    }
    crowd(load)
    load.late(25)
    expect(load.limit).toBe(100)
    expect(lateAgain(25)).toBe(80)
    expect(lateAgain(500)).toBe(64)
    expect([lateAgain(500), lateAgain(500), lateAgain(500), lateAgain(500)]).toEqual([32, 16, 16, 16])
  })

  it('takes on less once for one pause, however often that is measured', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    crowd(load)
    for (const ms of [90, 80, 60, 40, 30]) {
      load.late(ms)
      now += 10
    }
    expect(load.limit).toBe(50)
    now = 109
    load.late(80)
    expect(load.limit).toBe(50)
    now = 110
    load.late(80)
    expect(load.limit).toBe(25)
  })

  it('takes on as much as before when it is punctual again, though nobody reads a feed', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    const untilFull = () => {
      let entered = 0
      while (load.enter('interactive') !== null) entered++
      return entered
    }
    for (; load.limit > 16; now += 100) {
      crowd(load)
      load.late(100)
    }
    untilFull()
    let measurements = 0
    for (; load.limit < 100; measurements++) {
      now += 10
      load.late(1)
      untilFull()
    }
    // A minute's, about.
    expect(measurements).toBeLessThan(6_000)
  })

  it('stays where it is while little of that is in use', () => {
    const load = createLoad(POLICY, () => 0)
    crowd(load)
    load.late(100)
    load.late(100)
    for (let i = 0; i < 24; i++) load.enter('interactive')
    for (let i = 0; i < 60; i++) load.late(1)
    expect(load.limit).toBe(50)
    for (let i = 0; i < 6; i++) load.enter('interactive')
    for (let i = 0; i < 52; i++) load.late(1)
    expect(load.limit).toBe(51)
  })

  it('is not taken for that when it is late once, or was before', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    crowd(load)
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
    crowd(load)
    load.late(40)
    load.late(40)
    expect(load.limit).toBe(50)
    for (let i = 0; i < 60; i++) load.took(20)
    expect(load.limit).toBe(50)
    now = 500
    for (let i = 0; i < 60; i++) load.took(20)
    expect(load.limit).toBe(51)
  })

  it('takes on as much as ever when so few come that there is no queue of theirs: something else holds it up', () => {
    let now = 0
    const load = createLoad(POLICY, () => now)
    const everyMs = (ms: number) => {
      for (const end = now + 3_000; now < end; now += ms) {
        load.enter('feed')
        load.late(300)
      }
      return load.limit
    }
    expect(everyMs(25)).toBe(100)
    expect(everyMs(15)).toBeLessThan(100)
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

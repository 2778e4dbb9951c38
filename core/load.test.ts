import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLoad, LOAD_CLASSES, type LoadClass } from './load.ts'

const POLICY = { most: 100, least: 10, targetMs: 100 }

const fill = (load: ReturnType<typeof createLoad>, kind: LoadClass) => {
  let entered = 0
  while (load.enter(kind)) entered++
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
    load.leave()
    expect(load.enter('interactive')).toBe(false)
    expect(load.enter('feed')).toBe(true)
  })
})

it('what goes on behind its answer is under way until it ends, with no room left, too', () => {
  const load = createLoad(POLICY, () => 0)
  fill(load, 'feed')
  load.stay()
  load.leave()
  expect(load.enter('feed')).toBe(false)
  load.leave()
  expect(load.enter('feed')).toBe(true)
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
    expect(load.limit).toBe(25)
  })

  it('is not cut by a slow feed while there is little to do', () => {
    const load = createLoad(POLICY, () => 0)
    for (let i = 0; i < 49; i++) load.enter('feed')
    load.took(3_000)
    expect(load.limit).toBe(100)
  })

  it('stays where it is set, if that is below what no process finds heavy', () => {
    const load = createLoad({ most: 1, least: 10, targetMs: 100 }, () => 0)
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
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400 }), (events) => {
        let now = 0
        let inside = 0
        const load = createLoad(POLICY, () => now)
        for (const one of events) {
          if ('enter' in one) inside += load.enter(one.enter) ? 1 : 0
          else if (inside > 0) {
            now += one.leave
            load.took(one.leave)
            load.leave()
            inside--
          }
          expect(load.inFlight).toBe(inside)
          expect(load.limit).toBeGreaterThanOrEqual(10)
          expect(load.limit).toBeLessThanOrEqual(100)
        }
      }),
    )
  })
})

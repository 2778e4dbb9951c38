import { describe, expect, it } from 'vitest'
import { measureLag, type ReplicaPair } from './lag.ts'

const LIMIT_MS = 500

/** A log that grows by one with each write; the replica shows it up to `shown`. Time passes in pauses only. */
function world() {
  const state = { now: 1_000, written: 0, shown: 0, arrivesAt: Number.POSITIVE_INFINITY }
  const pair: ReplicaPair = {
    written: async () => String(state.written),
    async shows(position) {
      if (state.now >= state.arrivesAt) state.shown = state.written
      return state.shown >= Number(position)
    },
  }
  const pause = async (ms: number) => {
    state.now += ms
  }
  return {
    state,
    measure: (awaited: Parameters<typeof measureLag>[1] = null) =>
      measureLag(pair, awaited, { clock: () => state.now, pause, limitMs: LIMIT_MS }),
  }
}

describe('the lag of a replica', () => {
  it('is nothing while nobody writes, however long ago the last write was', async () => {
    const { measure, state } = world()
    state.now = 86_400_000
    expect(await measure()).toEqual({ lagMs: 0, awaited: null })
  })

  it('is the time until what was written can be read', async () => {
    const { measure, state } = world()
    state.written = 7
    state.arrivesAt = state.now + 100
    expect(await measure()).toEqual({ lagMs: 100, awaited: null })
  })

  it('grows while replay stands still, and is told at once when it goes on', async () => {
    const { measure, state } = world()
    state.written = 7
    const first = await measure()
    expect(first.awaited).toEqual({ position: '7', sinceMs: 1_000 })
    expect(first.lagMs).toBeGreaterThan(LIMIT_MS)
    state.now = 11_000
    state.written = 90
    const second = await measure(first.awaited)
    expect(second).toEqual({ lagMs: 10_000, awaited: first.awaited })
    state.shown = 7
    expect(await measure(second.awaited)).toEqual({ lagMs: 10_000, awaited: null })
    // What was written meanwhile has still to come.
    expect((await measure()).awaited).toMatchObject({ position: '90' })
  })
})

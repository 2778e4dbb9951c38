import { beforeEach, describe, expect, it } from 'vitest'
import { parseUsable } from '#core/replicas.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createReplicas, type ReplicaPair } from './index.ts'

let now = 0
const logger = createLogger({ level: 'silent' })
const pause = async (ms: number) => {
  now += ms
}

/** A replica that shows everything, or nothing, or does not answer. */
function pair() {
  const state = { shows: true, answers: true }
  const answer: ReplicaPair = {
    written: async () => '0/1',
    async shows() {
      if (!state.answers) throw new Error('connection refused')
      return state.shows
    },
  }
  return { state, answer }
}

let [first, second] = [pair(), pair()]
let replicas = open()

function open() {
  const pairs = new Map([
    [0, first.answer],
    [2, second.answer],
  ])
  return createReplicas({ pairs, clock: () => now, pause, logger })
}

beforeEach(() => {
  now = 1_000
  ;[first, second] = [pair(), pair()]
  replicas = open()
})

const told = () => parseUsable(replicas.tell()[2])

describe('replicas', () => {
  it('are read only after a look, and not for long after it', async () => {
    expect([replicas.isUsable(0), told()]).toEqual([false, []])
    await replicas.look()
    expect([replicas.isUsable(0), replicas.isUsable(1), told()]).toEqual([true, false, [0, 2]])
    now += 1_500
    expect(replicas.isUsable(0)).toBe(true)
    now += 1
    expect([replicas.isUsable(0), told()]).toEqual([false, []])
  })

  it('are not read while they are behind, and again as soon as they are near', async () => {
    await replicas.look()
    second.state.shows = false
    await replicas.look()
    expect(told()).toEqual([0])
    expect(replicas.states()[1]).toMatchObject({ database: 2, isUsed: false })
    expect(replicas.states()[1]?.lagMs).toBeGreaterThan(500)
    second.state.shows = true
    // The first look finds what had been awaited, late; the next one that nothing is missing.
    await replicas.look()
    expect(told()).toEqual([0])
    await replicas.look()
    expect(told()).toEqual([0, 2])
  })

  it('are not read while they do not answer; the others are', async () => {
    first.state.answers = false
    await replicas.look()
    expect(told()).toEqual([2])
    expect(replicas.states()).toEqual([
      { database: 0, lagMs: null, isUsed: false },
      { database: 2, lagMs: 0, isUsed: true },
    ])
    first.state.answers = true
    await replicas.look()
    expect(told()).toEqual([0, 2])
  })

  it('show their lag as a metric, and who answers', async () => {
    const metrics = createMetrics()
    replicas.observe(metrics)
    second.state.answers = false
    await replicas.look()
    replicas.onRead(0)('replica')
    const { body } = await metrics.expose()
    expect(body).toContain('tideline_postgres_replica_lag_seconds{database="0"} 0\n')
    expect(body).toContain('tideline_postgres_replica_used{database="0"} 1\n')
    expect(body).toContain('tideline_postgres_replica_lag_seconds{database="2"} +Inf\n')
    expect(body).toContain('tideline_postgres_replica_used{database="2"} 0\n')
    expect(body).toContain('tideline_postgres_lagging_reads_total{database="0",by="replica"} 1\n')
  })
})

/**
 * The interleavings of docs/correctness.md, A and B: the edge's own feed requests and the real services of the origin over
 * random schedules. TIDELINE_SCHEDULES runs more; a seed that fails repeats.
 */
import { expect, test } from 'vitest'
import { memoryTruth } from './memory-truth.ts'
import { directRedis } from './redis.ts'
import { World } from './world.ts'

const SCHEDULES = Number(process.env.TIDELINE_SCHEDULES ?? 1_000)
const PATIENT = { timeout: 3_600_000 }

const clock = { now: 0 }
const redis = directRedis(() => clock.now)

async function check(schedules: number, late: number) {
  for (let seed = 0; seed < schedules; seed++) {
    const violation = await new World({ seed, redis, truth: memoryTruth, clock, late }).run()
    if (violation !== null) expect.fail(`seed ${seed}: ${violation}`)
  }
}

test(`nothing is missed, doubled or shown that must not be, in ${SCHEDULES} schedules`, PATIENT, () =>
  check(SCHEDULES, 0),
)

test('nor where half of the pages are late, and show what had been read of them', PATIENT, () =>
  check(SCHEDULES / 4, 0.5),
)

test('a page that fails ends its schedule, be it late, and says why', async () => {
  const query = () => Promise.reject(new Error('the database fails'))
  const failing: typeof memoryTruth = (time) => ({ ...memoryTruth(time), edge: { query, batch: query } })
  await expect(new World({ seed: 0, redis, truth: failing, clock, late: 1 }).run()).rejects.toThrow(
    'the database fails',
  )
})

/**
 * The interleavings of docs/correctness.md, A and B: the edge's own feed requests and the real services of the origin over
 * random schedules. TIDELINE_SCHEDULES runs more; a seed that fails repeats.
 */
import { expect, test } from 'vitest'
import { memoryTruth } from './memory-truth.ts'
import { directRedis } from './redis.ts'
import { World } from './world.ts'

const SCHEDULES = Number(process.env.TIDELINE_SCHEDULES ?? 1_000)

test(`nothing is missed, doubled or shown that must not be, in ${SCHEDULES} schedules`, {
  timeout: 3_600_000,
}, async () => {
  const clock = { now: 0 }
  const redis = directRedis(() => clock.now)
  for (let seed = 0; seed < SCHEDULES; seed++) {
    const violation = await new World({ seed, redis, truth: memoryTruth, clock }).run()
    if (violation !== null) expect.fail(`seed ${seed}: ${violation}`)
  }
})

/**
 * The interleavings of docs/correctness.md, A and B: the real services, timelines and readers over random schedules, and
 * each rule taken out once to see that the properties notice. TIDELINE_SCHEDULES runs more; a seed that fails repeats.
 */
import { expect, test } from 'vitest'
import { memoryTruth } from '../../test/interleavings/memory-truth.ts'
import { directRedis } from '../../test/interleavings/redis.ts'
import { World } from '../../test/interleavings/world.ts'

const SCHEDULES = Number(process.env.TIDELINE_SCHEDULES ?? 1_000)
const clock = { now: 1_764_000_000_000 }
const redis = directRedis(() => clock.now)

async function violationAt(seed: number, without?: string): Promise<string | null> {
  const rule = without === undefined ? {} : { without }
  return new World({ seed, redis, truth: memoryTruth, clock, ...rule }).run()
}

test(`nothing is missed, doubled or shown that must not be, in ${SCHEDULES} schedules`, {
  timeout: 3_600_000,
}, async () => {
  for (let seed = 0; seed < SCHEDULES; seed++) {
    const violation = await violationAt(seed)
    if (violation !== null) expect.fail(`seed ${seed}: ${violation}`)
  }
})

/** Rules, and where a schedule that needs them is soon found: among the first for most, later where races are narrow. */
const RULES: [rule: string, from: number][] = [
  ['trim-raises-floor', 0],
  ['push-never-marks', 0],
  ['placeholder-first', 0],
  ['version-guards-rebuild', 0],
  ['version-guards-sets', 1_930],
  ['absent-is-not-empty', 0],
  ['unfollow-hides', 0],
  ['consumers-ask-again', 1_350],
  ['page-floor', 0],
  ['own-post', 0],
  ['publish-after-commit', 0],
  ['raise-after-inverse', 470],
  ['inverse-before-backfill', 6_500],
  ['crossing-through-both', 0],
  ['shed-unmarks', 0],
]
const WITHIN = 3_000

test.each(RULES)('without the rule %s a schedule goes wrong', { timeout: 300_000 }, async (rule, from) => {
  for (let seed = from; seed < from + WITHIN; seed++) {
    if ((await violationAt(seed, rule)) !== null) return
  }
  expect.fail(`nothing went wrong in ${WITHIN} schedules without ${rule}`)
})

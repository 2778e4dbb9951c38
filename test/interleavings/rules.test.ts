/**
 * Each rule of docs/correctness.md, A and B, is taken out once: the properties of the interleavings must notice, and what they
 * notice must not be there with it.
 */
import { expect, test } from 'vitest'
import type { CastName } from './cast.ts'
import { memoryTruth } from './memory-truth.ts'
import { directRedis } from './redis.ts'
import { World } from './world.ts'

const clock = { now: 0 }
const redis = directRedis(() => clock.now)

/** Rules, who acts so that they matter, and from which seed on a schedule that needs them is soon found: races are narrow. */
const RULES: [rule: string, cast: CastName, from: number][] = [
  ['trim-raises-floor', 'oneTimeline', 0],
  ['push-never-marks', 'everybody', 0],
  ['placeholder-first', 'oneTimeline', 0],
  ['own-token', 'deaths', 0],
  ['version-guards-rebuild', 'oneTimeline', 240],
  ['version-guards-sets', 'everybody', 100],
  ['absent-is-not-empty', 'everybody', 0],
  ['unfollow-hides', 'everybody', 0],
  ['entry-outlives-purge', 'farewells', 2_300],
  ['consumers-ask-again', 'secondThoughts', 2_020],
  ['page-floor', 'theLine', 50],
  ['own-post', 'everybody', 170],
  ['publish-after-commit', 'everybody', 0],
  ['raise-after-inverse', 'secondThoughts', 4_150],
  ['inverse-before-backfill', 'farewells', 480],
  ['crossing-through-both', 'theLine', 0],
  ['newest-mode-counts', 'flapping', 5_960],
  ['registry-after-inverse', 'theLine', 7_460],
  ['descent-keeps-celebrities', 'flapping', 20_890],
  ['descent-restarts-rebuilds', 'theLine', 7_630],
  ['shed-unmarks', 'everybody', 0],
]
const WITHIN = 10_000

test.each(RULES)(
  'without the rule %s a schedule goes wrong, and with it the same one does not',
  { timeout: 300_000 },
  async (without, cast, from) => {
    const world = { cast, redis, truth: memoryTruth, clock }
    for (let seed = from; seed < from + WITHIN; seed++) {
      if ((await new World({ ...world, seed, without }).run()) === null) continue
      // Else it was not the rule.
      expect(await new World({ ...world, seed }).run(), `seed ${seed} with all rules in place`).toBeNull()
      return
    }
    expect.fail(`nothing went wrong in ${WITHIN} schedules without ${without}`)
  },
)

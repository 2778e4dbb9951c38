/** A few schedules over the statements themselves, on an embedded Postgres: what the database in memory claims of them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDatabase, type TestDatabase } from '../contract/engines.ts'
import { CASTS, type CastName } from './cast.ts'
import { beginAnew, postgresTruth } from './postgres-truth.ts'
import { directRedis } from './redis.ts'
import { World } from './world.ts'

const SCHEDULES_EACH = 2
/** Postgres has a clock of its own: a second purge falls due only when the world lets time pass. */
const policy = { unfollowedForMs: 60_000 }

let postgres: TestDatabase
beforeAll(async () => {
  postgres = await startDatabase()
})
afterAll(() => postgres.close())

test.each(Object.keys(CASTS) as CastName[])(
  'nothing is missed, doubled or shown that must not be: %s',
  async (cast) => {
    const clock = { now: 0 }
    const redis = directRedis(() => clock.now)
    const { authors, readers } = CASTS[cast]
    for (let seed = 0; seed < SCHEDULES_EACH; seed++) {
      await beginAnew(postgres.database, [...authors, ...readers])
      const truth = () => postgresTruth(postgres.database)
      const violation = await new World({ seed, cast, redis, truth, clock, policy }).run()
      if (violation !== null) expect.fail(`seed ${seed}: ${violation}`)
    }
  },
)

/**
 * `npm run test:kill [rounds]`: the kill test as often as asked (20), with 1,000 posts a round, on the embedded Redis and
 * on a separate one in turn. Stops at the first failure.
 */
import { type KillReport, killRound } from './kill.ts'
import { redisCommand, startSeparateRedis } from './redis-server.ts'

process.env.WRANGLER_LOG ??= 'error'

const ROUND = { posts: 1_000, authors: 10, followers: 20, random: Math.random }
const rounds = Number(process.argv[2] ?? 20)
const command = redisCommand()
if (command === null) console.log('no redis-server on the PATH: the rounds with a separate one are left out')

function tell(round: number, redis: string, report: KillReport): void {
  const { created, accepted, failed, killedAt, settledMs } = report
  const told = `${created} created, ${accepted} accepted, ${failed} failed requests`
  const when = `killed after ${killedAt}, whole ${(settledMs / 1000).toFixed(1)} s after the last answer`
  console.log(`${String(round).padStart(2)} ${redis.padEnd(8)} ok: ${told}; ${when}`)
}

let passed = 0
for (let round = 1; round <= rounds; round++) {
  tell(round, 'embedded', await killRound({ ...ROUND, redisUrl: 'embedded' }))
  passed++
  if (command === null) continue
  const redis = await startSeparateRedis(command)
  try {
    tell(round, 'separate', await killRound({ ...ROUND, redisUrl: redis.url }))
    passed++
  } finally {
    await redis.close()
  }
}
console.log(`${passed} passed, 0 failed`)
process.exit(0)

/** One round: load, kill, a few seconds without, restart, a few seconds more, then the comparison. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Person } from '../../e2e/person.ts'
import { until } from '../../e2e/until.ts'
import { everythingOnce } from './check.ts'
import { BUSY, startLoad } from './load.ts'
import { summaryOf, type WriteLog } from './log.ts'
import { type Platform, startPlatform } from './platform.ts'
import { watchStrain } from './strain.ts'
import type { Victim } from './victim.ts'
import { PAGE, watchFeed } from './watch.ts'

const BEFORE_MS = 2_000
const AWAY_MS = 4_000
const AFTER_MS = 2_000
const LOOK_MS = 250
const FIRST_POSTS = 8
/** Half of the life of a token. */
const RENEW_MS = 450_000

export interface Fault {
  /** A word for captions and for what is told. */
  name: string
  /** Killed and started again, one after the other. */
  victims(platform: Platform): readonly Victim[]
  /** Answers of the feed that this outage allows. */
  served: RegExp
  /** One of them that must be seen, where the outage shows. */
  shows?: RegExp
  /** Writes that may be refused, and how. */
  refused: RegExp
  /** Answers to writes, each of which must have been given: an outage that nobody notices proves nothing. */
  answered?: readonly RegExp[]
  /** What else must be seen while a victim is away. */
  seen?: Seen
  /** Whether counters may be gone afterwards. */
  mayLackCounters?: boolean
  /** Milliseconds without each victim. */
  awayMs?: number
}

export interface Seen {
  what: string
  look(cast: Cast): Promise<boolean>
}

/** What a round has told people, to be looked at again when all are over. */
export interface PastRound {
  word: string
  log: WriteLog
  mayLackCounters: boolean
}

export interface Cast {
  platform: Platform
  authors: readonly Person[]
  /** Follow all authors. */
  followers: readonly Person[]
  readers: readonly Person[]
  crowd: readonly Person[]
  pairs: Iterator<readonly [Person, Person]>
  /** Acknowledged in all rounds so far. */
  follows: Set<string>
  past: PastRound[]
  /** Tokens that will not last a round are renewed. */
  renew(): Promise<void>
}

/** Tideline with people who know one another and have posted a little. */
export async function startCast(env: NodeJS.ProcessEnv): Promise<Cast> {
  const platform = await startPlatform(env)
  const authors = await platform.people('author', 10)
  const followers = await platform.people('follower', 5)
  const crowd = await platform.people('crowd', 20)
  for (const follower of followers) await Promise.all(authors.map((author) => follower.follow(author)))
  for (let n = 0; n < FIRST_POSTS; n++) await authors[n % authors.length]?.post(`before all faults ${n}`)
  for (const follower of followers) {
    await until('everybody reads what there is', async () => (await follower.feedIds()).length === FIRST_POSTS)
  }
  let renewedMs = Date.now()
  return {
    platform,
    authors,
    followers,
    readers: [...followers, ...crowd],
    crowd,
    pairs: everyPair(crowd),
    follows: new Set(),
    past: [],
    async renew() {
      if (Date.now() - renewedMs < RENEW_MS) return
      renewedMs = Date.now()
      for (const person of [...authors, ...followers, ...crowd]) await person.renew()
    },
  }
}

function* everyPair(people: readonly Person[]) {
  for (let gap = 1; gap < people.length; gap++) {
    for (const [n, person] of people.entries()) {
      const other = people[(n + gap) % people.length]
      if (other !== undefined) yield [person, other] as const
    }
  }
}

export async function runRound(fault: Fault, cast: Cast): Promise<void> {
  const { platform, followers, follows } = cast
  const { name, mayLackCounters = false } = fault
  await cast.renew()
  const word = `${name}round`
  const [reader] = followers
  if (reader === undefined) throw new Error('nobody reads')
  const whole = Math.min(PAGE, (await reader.feedIds()).length)
  const strain = watchStrain(platform.edge)
  const load = startLoad({ ...cast, word, random: Math.random, isBusy: strain.isOn })
  const watch = watchFeed(reader, whole, strain.isOn)
  try {
    await pause(BEFORE_MS)
    const isSeen = await killEach(fault, cast, watch.mark)
    await pause(AFTER_MS)
    await load.stop()
    watch.mark('the last write is acknowledged')
    for (const pair of load.log.follows) follows.add(pair)
    // What it lost was there before, too.
    if (mayLackCounters) for (const round of cast.past) round.mayLackCounters = true
    const round = { word, log: load.log, mayLackCounters }
    const { settledMs, last } = await everythingOnce({ ...cast, ...round })
    cast.past.push(round)
    watch.mark('everything is there once')
    allowed(fault, await watch.stop(), load.answers)
    expect(isSeen, fault.seen?.what).toBe(true)
    const answers = [...load.answers].map(([answer, count]) => `${answer} × ${count}`).join(', ')
    const after = `each as it must be ${(settledMs / 1_000).toFixed(1)} s after the last${last && ` (at last: ${last})`}`
    console.log(`${name}: ${summaryOf(load.log)}, ${after}; ${answers}\n${watch.told()}`)
  } catch (error) {
    console.log(`${String(error)}\n${watch.told()}\n${JSON.stringify(Object.fromEntries(load.answers))}`)
    throw error
  } finally {
    await load.stop().catch(() => {})
    await watch.stop()
    await strain.stop()
  }
}

/** Answers whether what must be seen meanwhile was. */
async function killEach(fault: Fault, cast: Cast, mark: (text: string) => void): Promise<boolean> {
  let isSeen = fault.seen === undefined
  for (const victim of fault.victims(cast.platform)) {
    await victim.kill()
    let isAway = true
    const looking = (async () => {
      while (isAway && !isSeen) {
        isSeen = (await fault.seen?.look(cast).catch(() => false)) ?? true
        await pause(LOOK_MS)
      }
    })()
    try {
      mark(`${victim.name} killed`)
      await pause(fault.awayMs ?? AWAY_MS)
    } finally {
      await victim.restart().finally(() => {
        isAway = false
      })
      await looking
    }
    mark(`${victim.name} serves again`)
  }
  return isSeen
}

/** What a busy machine does to a write: no answer, or none in time. It makes no 500, and nothing disappear. */
export const isForWantOfTime = (answer: string): boolean =>
  answer.endsWith(BUSY) && / (0|503)$/.test(answer.slice(0, -BUSY.length))

function allowed(
  { served, shows, refused, answered = [] }: Fault,
  stretches: readonly { answer: string }[],
  answers: ReadonlyMap<string, number>,
): void {
  const seen = stretches.map(({ answer }) => answer)
  expect(
    seen.filter((answer) => !served.test(answer) && !/^200 .*, busy$/.test(answer)),
    'answers of the feed that this outage does not allow',
  ).toEqual([])
  if (shows !== undefined) expect(seen.join('\n'), 'what the feed says of this outage').toMatch(shows)
  const refusals = [...answers.keys()].filter(
    (answer) => !/ 20\d$/.test(answer) && !isForWantOfTime(answer) && !refused.test(answer),
  )
  expect(refusals, 'refusals that this outage does not allow').toEqual([])
  const lacking = answered.filter((answer) => ![...answers.keys()].some((given) => answer.test(given)))
  expect(lacking, `answers that this outage must lead to, among ${[...answers.keys()]}`).toEqual([])
}

/** One round: load, kill, a few seconds without, restart, a few seconds more, then the comparison. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Profile } from '../../../ops/cluster/profiles.ts'
import { faultsOfReads } from '../../../ops/fault-report.ts'
import { photo, upload } from '../../e2e/media.ts'
import { until } from '../../e2e/until.ts'
import { type Cast, likedPost } from './cast.ts'
import { everythingOnce } from './check.ts'
import { BUSY, type Load, startLoad } from './load.ts'
import { summaryOf } from './log.ts'
import type { Platform } from './platform.ts'
import { type Readers, startReaders } from './readers.ts'
import { type Strain, watchStrain } from './strain.ts'
import type { Victim } from './victim.ts'

const BEFORE_MS = 2_000
const AWAY_MS = 4_000
const AFTER_MS = 2_000
const LOOK_MS = 250
/** As long as any write may take to be acknowledged. */
const UPLOADED_MS = 60_000

export interface Fault {
  /** A word for captions and for what is told. */
  name: string
  /** Killed and started again, one after the other. */
  victims(platform: Platform): readonly Victim[]
  /** Answers of the feed that this outage promises. */
  served: RegExp
  /** One of them that must be seen, where the outage shows. */
  shows?: RegExp
  /** Writes that this outage gives a reason to refuse, and how. */
  refused: RegExp
  /** Writes whose refusal is not held against it, though it gives no reason: counted as excused. */
  spared: RegExp
  /** Answers to writes, each of which must have been given meanwhile: what is promised, and that the outage was noticed. */
  answered: readonly RegExp[]
  /** What else must be seen while a victim is away. */
  seen?: Seen
  /** Whether counters may be gone afterwards. */
  mayLackCounters?: boolean
  /** Milliseconds without each victim. */
  awayMs?: number
}

export type Refusals = Pick<Fault, 'refused' | 'spared'>

export interface Seen {
  what: string
  look(cast: Cast): Promise<boolean>
}

export async function runRound(fault: Fault, cast: Cast): Promise<void> {
  const { name, mayLackCounters = false } = fault
  await cast.renew()
  const word = `${name}round`
  const strain = await watchStrain()
  const readers = readersOf(fault.name, fault.served, cast, strain, () => load.log.deletionsBegun)
  const load = startLoad({ ...cast, word, random: Math.random, isBusy: strain.isOn })
  try {
    await pause(BEFORE_MS)
    const away = await killEach(fault, cast, load, readers.mark)
    await pause(AFTER_MS)
    await load.stop()
    readers.mark('the last write is acknowledged')
    if (mayLackCounters) {
      // What it lost was there before, too.
      for (const round of cast.past) round.mayLackCounters = true
      cast.liked = await likedPost(cast.authors, cast.followers)
    }
    const round = { word, log: load.log, mayLackCounters }
    const { settledMs, last } = await everythingOnce({ ...cast, ...round })
    cast.past.push(round)
    readers.mark('everything is there once')
    expect(faultsOfReads(await readers.stop()), `among ${[...readers.answers]}`).toEqual([])
    if (fault.shows !== undefined) expect([...readers.answers].join('\n'), 'what the feed says').toMatch(fault.shows)
    expect(away.isSeen, fault.seen?.what).toBe(true)
    expectWrites(fault, load.answers, [...away.answers])
    const answers = [...load.answers].map(([answer, count]) => `${answer} × ${count}`).join(', ')
    const after = `each as it must be ${(settledMs / 1_000).toFixed(1)} s after the last${last && ` (at last: ${last})`}`
    console.log(`${name}: ${summaryOf(load.log)}, ${after}; ${answers}\n${readers.told()}`)
  } catch (error) {
    console.log(`${String(error)}\n${readers.told()}\n${JSON.stringify(Object.fromEntries(load.answers))}`)
    throw error
  } finally {
    await load.stop().catch(() => {})
    cast.rows.push({ ...(await readers.stop()), ...countWrites(fault, load.answers) })
    await strain.stop()
  }
}

/**
 * Feeds a second. The servers of the large profile take half of two cores for themselves: beside them as many feeds as beside
 * the small one would be an overload, which is another test's.
 */
const READS_PER_SECOND: Readonly<Record<Profile, number>> = { small: 40, cluster: 20 }

/** Those who read while something else happens. */
export function readersOf(
  row: string,
  served: RegExp,
  { audience, pictures, platform }: Cast,
  strain: Strain,
  deletions = () => 0,
): Readers {
  const { fetch } = platform.edge
  const perSecond = READS_PER_SECOND[platform.profile]
  return startReaders({ row, perSecond, readers: audience, pictures, fetch, served, deletions, isBusy: strain.isOn })
}

interface Away {
  /** Whether what must be seen meanwhile was. */
  isSeen: boolean
  /** How writes were answered meanwhile. */
  answers: ReadonlySet<string>
}

async function killEach(fault: Fault, cast: Cast, load: Load, mark: (text: string) => void): Promise<Away> {
  const { victims, seen, awayMs = AWAY_MS } = fault
  const answers = new Set<string>()
  let isSeen = seen === undefined
  for (const victim of victims(cast.platform)) {
    await victim.kill()
    mark(`${victim.name} killed`)
    const before = new Map(load.answers)
    let isAway = true
    const looking = (async () => {
      while (isAway && !isSeen) {
        isSeen = (await seen?.look(cast).catch(() => false)) ?? true
        await pause(LOOK_MS)
      }
    })()
    try {
      await pause(awayMs)
    } finally {
      await victim.restart().finally(() => {
        isAway = false
      })
      await looking
    }
    for (const [answer, count] of load.answers) if (count > (before.get(answer) ?? 0)) answers.add(answer)
    mark(`${victim.name} serves again`)
    await until('a picture can be uploaded again', () => uploads(cast), { withinMs: UPLOADED_MS, everyMs: LOOK_MS })
    mark('a picture was uploaded')
  }
  return { isSeen, answers }
}

async function uploads({ crowd: [person] }: Cast): Promise<boolean> {
  if (person === undefined) return false
  try {
    const { id } = await upload(person, await photo(320, 240))
    return (await person.call('POST', `/v1/media/${id}/complete`, {})).status === 200
  } catch {
    return false
  }
}

const isAcknowledged = (answer: string) => / 20\d$/.test(answer)
/** What a busy machine does to a write: no answer, or none in time. It makes no 500, and nothing disappear. */
const isForWantOfTime = (answer: string) => / (0|503)$/.test(answer.replace(BUSY, '')) && answer.endsWith(BUSY)

export function countWrites({ refused, spared }: Refusals, answers: ReadonlyMap<string, number>) {
  const sum = (isMeant: (answer: string) => boolean) =>
    [...answers].reduce((all, [answer, count]) => all + (isMeant(answer) ? count : 0), 0)
  const isExcused = (answer: string) =>
    (isForWantOfTime(answer) || spared.test(answer)) && !refused.test(answer.replace(BUSY, ''))
  return { writes: sum(isAcknowledged), writesExcused: sum(isExcused) }
}

/** Answers to writes that nothing excuses. */
export const refusalsOf = ({ refused, spared }: Refusals, answers: ReadonlyMap<string, number>): string[] =>
  [...answers.keys()].filter(
    (answer) => !isAcknowledged(answer) && !isForWantOfTime(answer) && !refused.test(answer) && !spared.test(answer),
  )

/** @param meanwhile answers while a victim was away */
function expectWrites(fault: Fault, answers: ReadonlyMap<string, number>, meanwhile: readonly string[]): void {
  expect(refusalsOf(fault, answers), 'refusals that this outage does not allow').toEqual([])
  const lacking = fault.answered.filter((answer) => !meanwhile.some((given) => answer.test(given)))
  expect(lacking, `answers that this outage must lead to, among ${meanwhile}`).toEqual([])
}

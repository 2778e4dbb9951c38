/**
 * Kill -9 of every server and of every role of the origin in turn, under a steady load of reads and writes, each started again
 * seconds later: feeds are whole and come from where that outage promises, and afterwards every acknowledged write is there
 * exactly once.
 * FAULT_ROUNDS: how often each. FAULT_ONLY: those alone whose title has this word, or
 * matches this pattern.
 */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type FaultReport, faultsOfReads, faultsOfRun, sumOfReads } from '../../../ops/fault-report.ts'
import { until } from '../../e2e/until.ts'
import { type Cast, startCast } from './cast.ts'
import { everythingOnce, everythingStillOnce, faultsIn } from './check.ts'
import { storedChecks } from './check-stored.ts'
import { clusterFaults, commonFaults, smallFaults } from './faults.ts'
import { startLoad } from './load.ts'
import { summaryOf } from './log.ts'
import { profileOf } from './platform.ts'
import { countWrites, type Fault, type Refusals, readersOf, refusalsOf, runRound } from './round.ts'
import { watchStrain } from './strain.ts'

const FAULT_MS = 400_000
/** Answers of the feed while all is up. */
const AS_ALWAYS = /^200$/
/** Nor are pictures then. */
const NOTHING_REFUSED: Refusals = { refused: /^$/, spared: /^$/ }
const { FAULT_ROUNDS = '1', FAULT_ONLY: only = '' } = process.env
const rounds = Number(FAULT_ROUNDS)

let cast: Cast

beforeAll(async () => {
  cast = await startCast(process.env)
}, FAULT_MS)
afterAll(async () => {
  const { FAULT_REPORT: file } = process.env
  const report: FaultReport = { profile: profileOf(process.env), rows: cast?.rows ?? [], calm: cast?.calm ?? [] }
  if (file !== undefined) writeFileSync(file, JSON.stringify(report, null, 2))
  await cast?.platform.close()
}, 120_000)

const QUIET = 'finds, where nothing was killed, everything once; and in a log that says more or less, the difference'
const isChosen = (title: string) => new RegExp(only).test(title)
const isQuietToo = isChosen(QUIET)

async function quietRound(): Promise<void> {
  const { platform, followers, follows } = cast
  const word = 'quietround'
  const strain = await watchStrain()
  const readers = readersOf('nothing killed', AS_ALWAYS, cast, strain)
  const load = startLoad({ ...cast, word, random: Math.random, isBusy: strain.isOn })
  const isEnough = async () => {
    const { posts, deleted, likes, unlikes, comments, deletedComments, edits, shares, follows, unfollows } = load.log
    const counts = [posts, deleted, comments, deletedComments].map(({ length }) => length)
    const sizes = [likes, shares].map(({ size }) => size)
    return Math.min(...counts, ...sizes, unlikes, edits, follows, unfollows) > 2 && posts.some(({ mediaId }) => mediaId)
  }
  const explain = () => ({ ...Object.fromEntries(load.answers), told: summaryOf(load.log) })
  try {
    await until('some of everything', isEnough, { withinMs: 60_000, explain })
    await load.stop()
  } finally {
    cast.calm.push({ ...(await readers.stop()), ...countWrites(NOTHING_REFUSED, load.answers) })
    await strain.stop()
  }
  expect(refusalsOf(NOTHING_REFUSED, load.answers), 'refusals without a reason').toEqual([])
  expect(cast.calm.flatMap(faultsOfReads), readers.told()).toEqual([])
  const options = { ...cast, word, log: load.log, mayLackCounters: false }
  await everythingOnce(options)

  const { posts, deleted, likes, comments, shares } = load.log
  const [post, liked] = [posts[0]!, posts.find(({ id }) => likes.get(id)?.size)!]
  const places = async (log: Partial<typeof load.log>, others = {}) =>
    [...(await faultsIn({ ...options, log: { ...load.log, ...log }, ...others })).keys()].sort()
  const wherePostsAre = ['feeds', 'rows of posts', 'search']
  expect(await places({ posts: posts.slice(1) })).toEqual(wherePostsAre)
  expect(await places({ posts: [...posts, { ...post, caption: `${word} lost` }] })).toEqual(wherePostsAre)
  expect(await places({ posts: [...posts, deleted[0]!] })).toEqual(expect.arrayContaining(wherePostsAre))
  expect(await places({ deleted: [...deleted, post] })).toEqual(['posts by their ids'])
  const more = new Map([...likes, [liked.id, new Set([...likes.get(liked.id)!, '1'])]])
  const engagement = 'likes, comments and their counts'
  expect(await places({ likes: more })).toEqual(['counters', engagement, 'rows of likes'])
  expect(await places({ comments: comments.slice(1) })).toEqual(['counters', engagement, 'rows of comments'])
  expect(await places({ shares: new Map([...shares].slice(1)) })).toEqual(['rows of shares'])
  const other = posts.map((each) => (each === post ? { ...each, status: 201, id: '1' } : each))
  expect(await places({ posts: other })).toContain('rows of posts')
  const fewer = new Set([...follows].slice(1))
  expect(await places({}, { follows: fewer })).toEqual(['counts of followers', 'rows of follows'])
  expect(await places({ posts: posts.map((each) => ({ ...each, mediaId: '1' })) })).toEqual(['pictures'])
  await platform.stores.lose(post.id, followers[0]!.id)
  expect(await places({})).toEqual(['documents of the index', 'feeds', 'search', 'timelines'])
  await platform.stores.loseCounts(liked.id)
  expect(await storedChecks(options).counters?.()).toHaveLength(1)
  expect(await storedChecks({ ...options, mayLackCounters: true }).counters?.()).toEqual([])
  await post.author.ask('DELETE', `/v1/posts/${post.id}`)
}

if (isQuietToo) it(QUIET, quietRound, 180_000)

const faults = { ...commonFaults, ...(profileOf(process.env) === 'cluster' ? clusterFaults : smallFaults) }
const chosen = Object.entries(faults).filter(([title]) => isChosen(title))
if (chosen.length === 0 && !isQuietToo)
  throw new Error(`No fault has "${only}" in its title: ${Object.keys(faults).join('; ')}`)
const repeated = Array.from({ length: rounds }, (_, n): [string, Fault][] =>
  chosen.map(([title, fault]) =>
    rounds === 1 ? [title, fault] : [`${title} (${n + 1} of ${rounds})`, { ...fault, name: `${fault.name}${n + 1}` }],
  ),
).flat()

it.each(repeated)('%s', (_, fault) => runRound(fault, cast), FAULT_MS)

/** So that one failure in a thousand is something to judge by. Those beside the outages are judged by themselves. */
const FEWEST_READS = 10_000

it(
  'has, when all is over, everything of each round still once, and has served whole pages in all outages together',
  async () => {
    await cast.renew()
    const strain = await watchStrain()
    const readers = readersOf('afterwards', AS_ALWAYS, cast, strain)
    try {
      for (const round of cast.past) await everythingStillOnce({ ...cast, ...round })
      const before = sumOfReads([...cast.rows, ...cast.calm]).reads
      if (only === '')
        await until('there were reads enough', async () => before + readers.count() >= FEWEST_READS, {
          withinMs: FAULT_MS,
        })
    } finally {
      cast.calm.push(await readers.stop())
      await strain.stop()
    }
    expect([...cast.calm.slice(-1).flatMap(faultsOfReads), ...faultsOfRun(cast.rows)]).toEqual([])
  },
  2 * FAULT_MS,
)

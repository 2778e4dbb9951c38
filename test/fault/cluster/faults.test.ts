/**
 * Kill -9 of every server and of the origin in turn, under a steady load of writes, each started again seconds later: the feed
 * answers as design says for that outage, and afterwards every acknowledged write is there exactly once.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Kind } from '../../../ops/cluster/versions.ts'
import type { Person } from '../../e2e/person.ts'
import { until } from '../../e2e/until.ts'
import { everythingOnce, faultsIn } from './check.ts'
import { startLoad } from './load.ts'
import { type Platform, startPlatform, type Victim } from './platform.ts'
import { watchFeed } from './watch.ts'

const BEFORE_MS = 3_000
const AWAY_MS = 4_000
const AFTER_MS = 3_000
const FAULT_MS = 400_000
const FIRST_POSTS = 5

/**
 * Writes that an outage allows to be refused: the client tries again. `picture 0` is an upload that failed before its end.
 * Pictures may be refused at any time: the origin opens each within the edge's two seconds, or not, on cores that start servers.
 */
const PICTURES = /^picture (0|503)$/
const WITHOUT_POSTGRES = /^((like|comment|follow|picture) 503|picture 0)$/
/** Answers of the feed that an outage allows: otherwise it is served whole. */
const SERVED = /^200$/
const FROM_POSTGRES = /^200( redis)?$/
const FROM_CACHES = /^200( (postgres|stale|redis|redis, postgres|postgres, redis))?$/

let platform: Platform
let authors: Person[]
let followers: Person[]
let crowd: Person[]
let pairs: Iterator<readonly [Person, Person]>
/** Acknowledged in all rounds so far. */
const follows = new Set<string>()

beforeAll(async () => {
  platform = await startPlatform(process.env)
  authors = await platform.people('author', 5)
  followers = await platform.people('follower', 5)
  crowd = await platform.people('crowd', 20)
  pairs = everyPair(crowd)
  for (const follower of followers) await Promise.all(authors.map((author) => follower.follow(author)))
  for (let n = 0; n < FIRST_POSTS; n++) await authors[n % authors.length]?.post(`before all faults ${n}`)
  for (const follower of followers) {
    await until('everybody reads what there is', async () => (await follower.feedIds()).length === FIRST_POSTS)
  }
}, 180_000)
afterAll(() => platform?.close(), 120_000)

function* everyPair(people: readonly Person[]) {
  for (let gap = 1; gap < people.length; gap++) {
    for (const [n, person] of people.entries()) {
      const other = people[(n + gap) % people.length]
      if (other !== undefined) yield [person, other] as const
    }
  }
}

/** One round: load, kill, a few seconds without, restart, a few seconds more, then the comparison. */
async function round({ name, victims, served, refused }: Fault): Promise<void> {
  const word = `${name}round`
  const load = startLoad({ word, authors, readers: [...followers, ...authors], pairs, random: Math.random })
  const watch = watchFeed(followers[0]!, FIRST_POSTS)
  const killed: Victim[] = []
  let settledMs = 0
  try {
    await pause(BEFORE_MS)
    for (const victim of victims()) {
      await victim.kill()
      killed.push(victim)
    }
    watch.mark(`${name} killed`)
    await pause(AWAY_MS)
    for (let victim = killed.pop(); victim !== undefined; victim = killed.pop()) await victim.restart()
    watch.mark(`${name} serves again`)
    await pause(AFTER_MS)
    await load.stop()
    watch.mark('the last write is acknowledged')
    for (const pair of load.log.follows) follows.add(pair)
    settledMs = await everythingOnce({ platform, word, log: load.log, followers, crowd, follows })
    watch.mark('everything is there once')
    const stretches = await watch.stop()
    const wrong = stretches.filter(({ answer }) => !served.test(answer))
    expect(wrong, 'answers of the feed that this outage does not allow').toEqual([])
    const refusals = [...load.answers.keys()].filter((answer) => !/ 20\d$/.test(answer) && !refused.test(answer))
    expect(refusals, 'refusals that this outage does not allow').toEqual([])
  } catch (error) {
    console.log(`${watch.told()}\n${JSON.stringify(Object.fromEntries(load.answers))}`)
    throw error
  } finally {
    for (const victim of killed) await victim.restart()
    await load.stop().catch(() => {})
    await watch.stop()
  }
  const { posts, likes, comments } = load.log
  const counts = [
    `${posts.length} posts`,
    `${[...likes.values()].reduce((sum, { size }) => sum + size, 0)} likes`,
    `${comments.length} comments`,
    `${load.log.follows.size} follows`,
  ].join(', ')
  const answers = [...load.answers].map(([answer, count]) => `${answer} × ${count}`).join(', ')
  console.log(
    `${name}: ${counts} acknowledged, each there once ${(settledMs / 1_000).toFixed(1)} s after the last; ${answers}\n${watch.told()}`,
  )
}

interface Fault {
  name: string
  victims(): readonly Victim[]
  /** Answers of the feed. */
  served: RegExp
  /** Writes that were not taken, and how. */
  refused: RegExp
}

it('finds, where nothing was killed, everything once; and in a log that says more or less, the difference', async () => {
  const word = 'quietround'
  const load = startLoad({ word, authors, readers: followers, pairs, random: Math.random })
  await until('some of everything', async () => {
    const { posts, likes, comments, follows } = load.log
    return (
      likes.size > 3 && comments.length > 3 && follows.size > 3 && posts.some(({ mediaId }) => mediaId !== undefined)
    )
  })
  await load.stop()
  for (const pair of load.log.follows) follows.add(pair)
  const options = { platform, word, log: load.log, followers, crowd, follows }
  await everythingOnce(options)

  const { posts, likes, comments } = load.log
  const [post, other] = [posts[0]!, posts.at(-1)!]
  const places = async (log: Partial<typeof load.log>, others = {}) => [
    ...(await faultsIn({ ...options, log: { ...load.log, ...log }, ...others })).keys(),
  ]
  const wherePostsAre = ['rows of posts', 'feeds', 'search index']
  expect(await places({ posts: posts.slice(1) })).toEqual(wherePostsAre)
  expect(await places({ posts: [...posts, { ...post, caption: `${word} lost` }] })).toEqual(wherePostsAre)
  const engagement = ['likes, comments and their counts']
  expect(await places({ likes: new Map([...likes, [other.id, new Set(['1'])]]) })).toEqual(engagement)
  expect(await places({ comments: comments.slice(1) })).toEqual(engagement)
  const fewer = new Set([...follows].slice(1))
  expect(await places({}, { follows: fewer })).toEqual(['rows of follows', 'counts of followers'])
  expect(await places({ posts: posts.map((each) => ({ ...each, mediaId: '1' })) })).toEqual(['pictures'])
}, 180_000)

const server = (kind: Kind) => () => [platform.server(kind)]
const faults: Record<string, Fault> = {
  'Kafka killed: the outbox holds what the log cannot take': {
    name: 'kafka',
    victims: server('kafka'),
    served: SERVED,
    refused: PICTURES,
  },
  'Cassandra killed: likes and comments wait in the queue': {
    name: 'cassandra',
    victims: server('cassandra'),
    served: SERVED,
    refused: PICTURES,
  },
  'Elasticsearch killed: the index catches up': {
    name: 'elasticsearch',
    victims: server('elasticsearch'),
    served: SERVED,
    refused: PICTURES,
  },
  'Valkey killed: feeds come from Postgres': {
    name: 'valkey',
    victims: server('valkey'),
    served: FROM_POSTGRES,
    refused: PICTURES,
  },
  'Postgres killed: warm readers read on, posts wait in the queue': {
    name: 'postgres',
    victims: server('postgres'),
    served: FROM_CACHES,
    refused: WITHOUT_POSTGRES,
  },
  'the S3 server killed: uploads are refused, all else goes on': {
    name: 'seaweedfs',
    victims: server('seaweedfs'),
    served: SERVED,
    refused: PICTURES,
  },
  "the origin's roles killed: feeds are served, likes wait in the queue": {
    name: 'roles',
    victims: () => [platform.roles],
    served: SERVED,
    refused: PICTURES,
  },
  'the whole origin killed, its gateways too: the last page is shown, posts wait in the queue': {
    name: 'origin',
    victims: () => [platform.gateway, platform.roles],
    served: FROM_CACHES,
    refused: WITHOUT_POSTGRES,
  },
}

it.each(Object.entries(faults))('%s', (_, fault) => round(fault), FAULT_MS)

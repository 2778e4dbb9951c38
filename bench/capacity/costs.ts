/** What pushes, pulls and pages cost on this machine: our own code against a redis-server, the gateway and workerd. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FANOUT_POLICY } from '#core/fanout-policy.ts'
import { mergeFollowed } from '#core/feed/index.ts'
import { createIdFactory, type Id, idMs } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import type { Command, RedisPort, Reply } from '#core/redis.ts'
import { type AuthorList, parseAuthorList, parseTimeline, readAuthorList, readTimeline } from '#core/timeline/index.ts'
import { findRedisServer } from '../../origin/embedded/redis-server.ts'
import { createLanes } from '../../origin/fanout/lanes.ts'
import { pushToPage } from '../../origin/fanout/push.ts'
import { createRedisPort } from '../../origin/redis/index.ts'
import { ensureSecrets } from '../../origin/secrets.ts'
import { CELEBRITY_LISTS } from '../../workers/api/feed/isolate.ts'
import type { BenchOptions } from '../bench.ts'
import { cpuDuring } from '../cpu.ts'
import { feedBench } from '../feed/index.ts'
import { freePort, type Running, startProcess, untilAnswers } from '../processes.ts'
import { seededRandom } from '../random.ts'
import type { Costs } from './model.ts'

const READERS = 1_000
const LISTS = 50
/** Rounds of each: seconds of CPU, where the kernel counts hundredths. */
const PUSH_ROUNDS = 300
const LIST_ROUNDS = 200
const MERGE_ROUNDS = 2_000
const WINDOW = 200
const PAST_MS = 3 * 86_400_000

interface Stage {
  redis: RedisPort
  pids: { redis: number; gateway: number }
  /** The gateway's /pipeline, as the Workers use it. */
  overGateway(commands: readonly Command[]): Promise<Reply[]>
  readers: Id[]
  authors: Id[]
  ids: () => Id
  /** Of posts of the last days, in no order: what lists hold lies side by side in time. */
  pastIds: () => Id
}

/** Measures all of them; a minute. The page's cost is the feed bench's own figure, post cache warm. */
export async function measureCosts(options: BenchOptions): Promise<Costs> {
  const feed = await feedBench(options)
  if (typeof feed.cpuMsPerRequest !== 'number') throw new Error('what a page costs could not be measured')
  const loadUs = feed.cpuMsPerRequest * 1_000
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const running: Running[] = []
  try {
    const stage = await setStage(directory, running)
    const push = await pushCosts(stage)
    options.say(`push ${push.pushUs.toFixed(1)} µs, a reader who is away ${push.missUs.toFixed(1)} µs`)
    const pull = await pullCosts(stage)
    options.say(`merge ${pull.mergeUs.toFixed(1)} µs a list, reading one ${pull.listReadUs.toFixed(1)} µs`)
    const { timelineLength, authorLength } = FANOUT_POLICY
    return {
      loadUs,
      ...push,
      ...pull,
      ...(await memoryCosts(stage)),
      timelineLength,
      authorLength,
      listsHeld: CELEBRITY_LISTS,
    }
  } finally {
    for (const process of running.reverse()) await process.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function setStage(directory: string, running: Running[]): Promise<Stage> {
  const server = findRedisServer(process.env.PATH ?? '')
  if (server === null) throw new Error('The capacity bench needs redis-server or valkey-server on the PATH.')
  const [redisPort, gatewayPort] = [await freePort(), await freePort()]
  const redisUrl = `redis://127.0.0.1:${redisPort}`
  const quiet = ['--save', '', '--appendonly', 'no']
  const redisProcess = startProcess(server, [
    '--port',
    String(redisPort),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    ...quiet,
  ])
  running.push(redisProcess)
  const secrets = ensureSecrets(directory, {}, false)
  const gateway = startProcess(process.execPath, [new URL('../feed/gateway.ts', import.meta.url).pathname], {
    STATE_DIR: directory,
    REDIS_URL: redisUrl,
    DATABASE_URLS: 'postgres://nobody@127.0.0.1:9/none',
    GATEWAY_PORT: String(gatewayPort),
  })
  running.push(gateway)
  const address = `http://127.0.0.1:${gatewayPort}`
  await untilAnswers(`${address}/health`)
  const redis = createRedisPort(redisUrl)
  await redis.ready()
  running.push({ pid: 0, stop: () => redis.close() })
  const random = seededRandom(17)
  const factory = createIdFactory(Date.now, random)
  const ids = () => factory.next(factory.randomShard())
  const pastIds = () => {
    const at = Date.now() - Math.floor(random() * PAST_MS)
    return createIdFactory(() => at, random).next(factory.randomShard())
  }
  return {
    redis,
    pids: { redis: redisProcess.pid, gateway: gateway.pid },
    overGateway: (commands) => pipelineOver(address, secrets.REDIS_REST_TOKEN, commands),
    readers: Array.from({ length: READERS }, ids),
    authors: Array.from({ length: LISTS }, ids),
    ids,
    pastIds,
  }
}

async function pipelineOver(address: string, token: string, commands: readonly Command[]): Promise<Reply[]> {
  const response = await fetch(`${address}/pipeline`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(commands),
  })
  const replies = (await response.json()) as { result: Reply }[]
  return replies.map(({ result }) => result)
}

/** Fan-out's own code, pages of a thousand followers: those who live, and those who are away. */
async function pushCosts({ redis, pids, readers, ids, pastIds }: Stage): Promise<Pick<Costs, 'pushUs' | 'missUs'>> {
  const needs = {
    redis,
    store: { hotReaders: async () => new Set<Id>() },
    policy: FANOUT_POLICY,
    random: seededRandom(19),
    lanes: createLanes(Date.now),
    load: () => 'calm' as const,
  }
  await inPieces(redis, filledLists(readers.map(keys.timeline), FANOUT_POLICY.timelineLength, pastIds))
  const away = readers.map(() => ids())
  const each = async (followers: readonly Id[]) => {
    const used = await cpuOf(pids, async () => {
      for (let round = 0; round < PUSH_ROUNDS; round++) await pushToPage(needs, followers, ids(), 'page')
    })
    return used / PUSH_ROUNDS / followers.length
  }
  return { pushUs: await each(readers), missUs: await each(away) }
}

/** A page's pulls: lists of the length that trimming leaves, read through the gateway, parsed and merged. */
async function pullCosts(stage: Stage): Promise<Pick<Costs, 'mergeUs' | 'listReadUs'>> {
  const { redis, pids, authors, pastIds, overGateway } = stage
  await inPieces(redis, filledLists(authors.map(keys.author), FANOUT_POLICY.authorLength, pastIds))
  const commands = authors.map((author) => readAuthorList(author, FANOUT_POLICY))
  const readLists = async (asked: readonly Command[]) => {
    const replies = await overGateway(asked)
    return asked
      .map((_, i) => parseAuthorList(authors[i] ?? '', replies[i], FANOUT_POLICY))
      .filter((list) => list !== null)
  }
  const rounds = (asked: readonly Command[]) =>
    cpuOf(pids, async () => {
      for (let round = 0; round < LIST_ROUNDS; round++) await readLists(asked)
    })
  await rounds(commands)
  // Of two requests that differ in their lists only, so that the request itself cancels out.
  const listReadUs = ((await rounds(commands)) - (await rounds(commands.slice(0, 1)))) / LIST_ROUNDS / (LISTS - 1)
  // Somebody who was pushed nothing lately: posts newer than every list's would spare the merge its work.
  const reader = pastIds()
  await inPieces(redis, filledLists([keys.timeline(reader)], FANOUT_POLICY.timelineLength, pastIds))
  const timeline = parseTimeline(await redis.pipeline(readTimeline(reader, WINDOW)), WINDOW)
  const lists = await readLists(commands)
  const merges = (merged: readonly AuthorList[]) =>
    cpuOf({}, async () => {
      for (let round = 0; round < MERGE_ROUNDS; round++) mergeFollowed(timeline, merged, WINDOW)
    })
  await merges(lists)
  return { listReadUs, mergeUs: ((await merges(lists)) - (await merges([]))) / MERGE_ROUNDS / LISTS }
}

async function memoryCosts({ redis, readers, authors }: Stage) {
  const bytes = async (command: Command) => Number((await redis.pipeline([command]))[0])
  const timeline = keys.timeline(readers[0] ?? '')
  const full = await bytes(['MEMORY', 'USAGE', timeline, 'SAMPLES', 0])
  const length = await bytes(['ZCARD', timeline])
  const list = keys.author(authors[0] ?? '')
  await redis.pipeline([['ZADD', 'timeline:{0}', 0, MARK]])
  const timelineBytes = await bytes(['MEMORY', 'USAGE', 'timeline:{0}'])
  return {
    timelineBytes,
    timelineEntryBytes: (full - timelineBytes) / length,
    authorEntryBytes: (await bytes(['MEMORY', 'USAGE', list, 'SAMPLES', 0])) / FANOUT_POLICY.authorLength,
  }
}

/** Marked lists of so many posts. */
const filledLists = (names: readonly string[], length: number, ids: () => Id): Command[] =>
  names.map((name) => [
    'ZADD',
    name,
    0,
    MARK,
    ...Array.from({ length }, () => ids()).flatMap((post) => [idMs(post), post]),
  ])

async function inPieces(redis: RedisPort, commands: readonly Command[]): Promise<void> {
  for (let i = 0; i < commands.length; i += 20) await redis.pipeline(commands.slice(i, i + 20))
}

/** Microseconds of CPU of these processes and of this one during the work. */
async function cpuOf(pids: Record<string, number>, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  const { cpu } = await cpuDuring(pids, work)
  const own = process.cpuUsage(before)
  return own.user + own.system + 1_000 * Object.values(cpu).reduce((sum, ms) => sum + ms, 0)
}

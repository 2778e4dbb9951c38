/**
 * The load generator, a process of its own: sends what the schedule says when it says so, whether earlier requests were
 * answered or not, and measures from the moment that was intended. So a server that stalls is charged for everybody who
 * waits (no coordinated omission), and so is a generator that is late, which says how late it was. Who gets no answer, or an
 * error, counts as having waited for ten seconds.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { readConfig } from '../../origin/config.ts'
import { accessTokens } from '../tokens.ts'
import { type Client, openClient } from './client.ts'
import { peopleIds } from './population.ts'
import {
  createLatencies,
  HISTOGRAM,
  type Latencies,
  micros,
  percentiles,
  type StepOrder,
  type StepResult,
} from './step.ts'
import { type Arrival, IMAGES_ACCEPTED, type Kind, picturesOf, schedule } from './workload.ts'

/** As many as the page's own views ask for: web/src/feed-view.ts, web/src/grid.ts. */
const PAGE = { home: 24, user: 30 }
/** Enough of a page's JSON for what its first screen shows. */
const BEGINNING = 16_384
/** After the step: what is still under way gets as long as a person would wait. */
const DRAIN_MS = 10_000

interface Run {
  client: Client
  images: Client
  result: StepResult
  latencies: Latencies
  lag: RecordableHistogram
  startedAt: number
  endsAt: number
  underWay: number
}

const ids = peopleIds(Number(process.env.BENCH_NOW_MS))
const tokenOf = accessTokens(readConfig(process.env).secrets, ids)
/** What each person's browser holds: pictures are immutable and asked for once. */
const seen = new Map<number, Set<string>>()

process.on('message', (order: StepOrder) => {
  runStep(order).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.send?.('ready')

async function runStep({ number, perSecond, seconds, url, imageUrl }: StepOrder): Promise<StepResult> {
  const arrivals = schedule(number, perSecond, seconds)
  const tokens = new Map<number, string>()
  for (const { person } of arrivals) if (!tokens.has(person)) tokens.set(person, await tokenOf(person))
  const startedAt = performance.now() + 50
  const run: Run = {
    client: openClient(url),
    images: openClient(imageUrl),
    result: emptyResult(seconds, arrivals.length),
    latencies: createLatencies(),
    lag: createHistogram(HISTOGRAM),
    startedAt,
    endsAt: startedAt + seconds * 1_000,
    underWay: 0,
  }
  const before = process.cpuUsage()
  await sendAll(run, arrivals, (person) => tokens.get(person) ?? '')
  while (performance.now() < run.endsAt) await delay(run.endsAt - performance.now())
  const { user, system } = process.cpuUsage(before)
  const drainUntil = performance.now() + DRAIN_MS
  while (run.underWay > 0 && performance.now() < drainUntil) await delay(20)
  run.client.close()
  run.images.close()
  // Those who were still waiting count as well.
  while (run.underWay > 0) await delay(1)
  return {
    ...run.result,
    latency: run.latencies.percentiles(),
    lag: percentiles(run.lag),
    cpuMs: (user + system) / 1_000,
  }
}

async function sendAll(run: Run, arrivals: readonly Arrival[], token: (person: number) => string): Promise<void> {
  let next = 0
  while (next < arrivals.length) {
    const now = performance.now()
    for (let arrival = arrivals[next]; arrival !== undefined && run.startedAt + arrival.atMs <= now; ) {
      void visit(run, arrival, token(arrival.person))
      arrival = arrivals[++next]
    }
    const dueAt = run.startedAt + (arrivals[next]?.atMs ?? 0)
    await delay(Math.max(0, dueAt - performance.now()))
  }
}

/** One arrival, and the pictures that its page makes the browser ask for. */
async function visit(run: Run, arrival: Arrival, token: string): Promise<void> {
  const { kind, person } = arrival
  const page = await timed(run, kind, run.startedAt + arrival.atMs, requestOf(arrival, token))
  if (page === null) return
  const held = seen.get(person) ?? new Set<string>()
  seen.set(person, held)
  const wanted = picturesOf(kind, page.beginning, person).filter((path) => !held.has(path))
  // Before that nobody knew of them: the moment is intended when the page is there.
  const intendedAt = performance.now()
  if (intendedAt > run.endsAt) return
  run.result.images += wanted.length
  for (const path of wanted) {
    held.add(path)
    void timed(run, 'image', intendedAt, { path, headers: { accept: IMAGES_ACCEPTED } })
  }
}

function requestOf({ kind, target, person, atMs }: Arrival, token: string) {
  const headers = { authorization: `Bearer ${token}` }
  if (kind === 'home') return { path: `/v1/feed?limit=${PAGE.home}`, headers, keep: BEGINNING }
  if (kind === 'user') return { path: `/v1/users/${ids[target]}/posts?limit=${PAGE.user}`, headers, keep: BEGINNING }
  const body = JSON.stringify({ caption: `Person ${person} at ${Math.round(atMs)} ms. ${CAPTION}` })
  return {
    method: 'POST' as const,
    path: '/v1/posts',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  }
}

const CAPTION = `${'An evening at the sea. '.repeat(4)}#sea #sun`

async function timed(run: Run, kind: Kind | 'image', intendedAt: number, asked: Parameters<Client['ask']>[0]) {
  const { latencies, result } = run
  const waitedMs = () => performance.now() - intendedAt
  run.lag.record(micros(waitedMs()))
  run.underWay++
  try {
    const answer = await (kind === 'image' ? run.images : run.client).ask(asked)
    const isGood = answer.status === (kind === 'compose' ? 201 : 200)
    if (isGood) latencies.answered(kind, waitedMs())
    else {
      latencies.failed(kind, waitedMs())
      fault(result, `${kind} ${answer.status}`)
    }
    const isDegraded = answer.headers['tideline-degraded'] !== undefined
    if (isDegraded) result.degraded++
    if (kind === 'image') countCache(result, String(answer.headers['server-timing'] ?? ''))
    if (!isGood) return null
    // A page that was cut short is an answer, but not what was asked for.
    if (performance.now() <= run.endsAt && !isDegraded) {
      if (kind === 'image') result.imagesServed++
      else result.pagesServed++
    }
    return answer
  } catch (error) {
    latencies.failed(kind, waitedMs())
    fault(result, `${kind} ${error instanceof Error ? error.message : error}`)
    return null
  } finally {
    run.underWay--
  }
}

function fault(result: StepResult, text: string): void {
  result.errors++
  result.faults[text] = (result.faults[text] ?? 0) + 1
}

/** The image Worker says in Server-Timing whether its cache had the picture. */
function countCache(result: StepResult, timing: string): void {
  if (/\bcache;desc="?hit/.test(timing)) result.imageCacheHits++
  else result.imageCacheMisses++
}

function emptyResult(seconds: number, pages: number): StepResult {
  const none = { count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 }
  return {
    ...{ seconds, pages, pagesServed: 0, images: 0, imagesServed: 0, imageCacheHits: 0, imageCacheMisses: 0 },
    ...{ errors: 0, degraded: 0, faults: {}, cpuMs: 0, lag: none },
    latency: { home: none, user: none, compose: none, image: none, all: none },
  }
}

/**
 * `npm run bench -- mixed`: how much of DeathStarBench's mix this machine serves, and how quickly at half of that. Open loop:
 * arrivals are written down beforehand and come whether or not earlier ones were answered.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { keys } from '#core/keys.ts'
import type { Bench, BenchOptions, Figures } from '../bench.ts'
import { cpuDuring } from '../cpu.ts'
import { helloWorld } from '../feed/serving.ts'
import { figures, type Step } from './figures.ts'
import { ratesBetween, readHits } from './hits.ts'
import { pictureKey } from './population.ts'
import { findSaturation } from './saturation.ts'
import { type Stage, setStage } from './stage.ts'
import { isServed, type StepOrder, type StepResult } from './step.ts'
import { newPictures, returning } from './workload.ts'

/** Pages a second of the first step. */
const FROM = 100
const MOST_STEPS = 6
/** Before the search: what is read often comes into the caches, and the isolate is compiled. */
const WARM_UP = { perSecond: 80, steps: 2 }
/** An isolate tells the origin what it has seen every five seconds, when it is asked something. */
const HAND_OVER_MS = 5_200

export const mixedBench: Bench = async (options) => {
  const serverUrl = process.env.DATABASE_URLS?.split(',')[0]
  if (!serverUrl) {
    throw new Error(
      'The mixed bench needs a Postgres server that DATABASE_URLS names, in which it makes a database of its own: the embedded engine answers one statement at a time.',
    )
  }
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const closers: (() => Promise<unknown>)[] = []
  try {
    const nowMs = Date.now()
    const stage = await setStage({ directory, nowMs, serverUrl, say: options.say }, closers)
    const generator = await startGenerator(stage, nowMs, closers)
    return await measure(stage, generator, options)
  } finally {
    for (const close of closers.reverse()) await close()
    rmSync(directory, { recursive: true, force: true })
  }
}

type Generator = (order: Omit<StepOrder, 'url' | 'imageUrl'>) => Promise<StepResult>

async function startGenerator(stage: Stage, nowMs: number, closers: (() => Promise<unknown>)[]): Promise<Generator> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'generator.ts'), {
    env: { ...process.env, ...stage.settings, BENCH_NOW_MS: String(nowMs) },
  })
  closers.push(async () => child.kill('SIGKILL'))
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('the load generator ended')))
  failed.catch(() => {})
  await Promise.race([once(child, 'message'), failed])
  try {
    // Who measures must not wait for who is measured; only root may say so.
    setPriority(child.pid ?? 0, -10)
  } catch {}
  return async (order) => {
    child.send({ ...order, url: stage.url, imageUrl: stage.imageUrl } satisfies StepOrder)
    const [result] = (await Promise.race([once(child, 'message'), failed])) as [StepResult]
    return result
  }
}

async function measure(stage: Stage, generate: Generator, { seconds, say }: BenchOptions): Promise<Figures> {
  const helloRps = await helloWorld(stage.directory, Math.min(5, seconds))
  say(`hello world: ${Math.round(helloRps)} requests a second`)
  let number = 0
  const step = async (perSecond: number): Promise<Step> => {
    await leave(stage)
    const { result, cpu } = await cpuDuring(stage.pids, () => generate({ number, perSecond, seconds }))
    number++
    const run = { ...result, cpu: { ...cpu, generator: result.cpuMs } }
    say(`${perSecond} pages a second: ${describe(run)}`)
    return run
  }
  for (let i = 0; i < WARM_UP.steps; i++) await step(WARM_UP.perSecond)
  const { best, steps } = await findSaturation(FROM, MOST_STEPS, step, isServed)
  if (best === null) throw new Error('not even the first step was served')
  const before = await hitsNow(stage)
  const half = await step(best.rate / 2)
  const rates = ratesBetween(before, await hitsNow(stage))
  return figures({ helloRps, best: best.step, bestRate: best.rate, half, rates, steps: steps.map((each) => each.step) })
}

/** Fifteen of a hundred people have been away for more than a day: what Redis keeps for a day of them is gone. New pictures are not in the cache. */
async function leave({ redis, ids, cacheUrl }: Stage): Promise<void> {
  for (const picture of newPictures()) await fetch(`${cacheUrl}/${pictureKey(picture)}`, { method: 'DELETE' })
  const gone = returning().map((place) => ids[place] ?? '')
  for (let i = 0; i < gone.length; i += 1_000) {
    const some = gone.slice(i, i + 1_000)
    await redis.pipeline(some.map((id) => ['UNLINK', keys.timeline(id), keys.hidden(id), keys.celebs(id)]))
  }
}

async function hitsNow({ url, imageUrl, originUrl, serviceToken }: Stage) {
  await delay(HAND_OVER_MS)
  const asked = [`${url}/v1/users/nobody`, `${imageUrl}/img/thumb/${pictureKey(0)}`]
  for (const address of asked) await (await fetch(address)).arrayBuffer()
  await delay(500)
  return readHits(originUrl, serviceToken)
}

function describe(step: Step): string {
  const { latency, lag, pages, pagesServed, images, imagesServed, errors, degraded, faults } = step
  const busy = Object.entries(step.cpu).map(([name, ms]) => `${name} ${Math.round(ms / step.seconds / 10)} %`)
  return `${pagesServed} of ${pages} pages, ${imagesServed} of ${images} pictures in time; p99 home ${latency.home.p99Ms}, user ${latency.user.p99Ms}, compose ${latency.compose.p99Ms}, image ${latency.image.p99Ms} ms, lag ${lag.p99Ms} ms; ${step.imageCacheMisses} pictures made; ${errors} errors, ${degraded} degraded ${JSON.stringify(faults)}; CPU ${busy.join(', ')}`
}

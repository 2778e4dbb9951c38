/**
 * The same tap from outside: api Worker in plain workerd, over HTTP, to an origin in a process of its own. Wrangler's test
 * harness is left out: it sends each request that a Worker makes through its own process, which then is what is measured.
 */
import { join } from 'node:path'
import autocannon from 'autocannon'
import pg from 'pg'
import { createIdFactory } from '#core/ids.ts'
import { localOrigin, workerVars } from '../../ops/workers.ts'
import { type Config, readConfig } from '../../origin/config.ts'
import { cpuDuring } from '../cpu.ts'
import { buildBundle, startWorker } from '../feed/workerd.ts'
import { freePort, type Running, startProcess, untilAnswers } from '../processes.ts'
import { accessTokens } from '../tokens.ts'
import { type BenchPost, publish } from './post.ts'

/** As many as the origin takes at once; people who like one post are many. */
const PARALLEL = 64
/** Likes before those that count: what the isolate and the origin compile and connect at first is not what a like costs. */
const WARM_UP = 2_000

export interface ApiFigures {
  /** Likes a second that were answered with 200; null when one was not. */
  apiPerSecond: number | null
  /** CPU milliseconds a like, by process. */
  apiCpuMs: Record<string, number>
}

export interface ApiOptions {
  /** Of the origin; its state folder may be one that another process has left. */
  settings: Record<string, string>
  directory: string
  likes: number
  say(text: string): void
}

export async function likesThroughTheApi(options: ApiOptions): Promise<ApiFigures> {
  const running: Running[] = []
  try {
    const config = readConfig(options.settings)
    const origin = startProcess(process.execPath, [join(import.meta.dirname, '../../origin/main.ts')], options.settings)
    running.push(origin)
    await untilAnswers(`http://127.0.0.1:${config.port}/health`)
    const { url, worker } = await startApi(config, options)
    running.push(worker)
    const post = await publishPost(config)
    const tokens = await tokensOf(config, WARM_UP + options.likes)
    await likeAll(url, post, tokens.slice(0, WARM_UP))
    const startedAt = performance.now()
    const { result: statuses, cpu } = await cpuDuring({ workerd: worker.pid, origin: origin.pid }, () =>
      likeAll(url, post, tokens.slice(WARM_UP)),
    )
    const seconds = (performance.now() - startedAt) / 1_000
    options.say(`through the api: ${JSON.stringify(statuses)} in ${seconds.toFixed(1)} s`)
    const each = (ms: number) => Number((ms / options.likes).toFixed(2))
    return {
      apiPerSecond: statuses['200'] === options.likes ? Math.round(options.likes / seconds) : null,
      apiCpuMs: Object.fromEntries(Object.entries(cpu).map(([name, ms]) => [name, each(ms)])),
    }
  } finally {
    for (const process of running.reverse()) await process.stop()
  }
}

async function startApi(config: Config, { directory }: ApiOptions): Promise<{ url: string; worker: Running }> {
  const objectsEndpoint = `http://127.0.0.1:${config.embeddedPorts.objects}`
  const address = localOrigin(config, { port: config.port, gatewayPort: config.gatewayPort, objectsEndpoint })
  await buildBundle(directory)
  const port = await freePort()
  const vars = { ...workerVars(address).api, ACCESS_LOG: 'all' }
  const worker = await startWorker({ directory, name: 'counters', port, script: 'index.js', vars })
  return { url: `http://127.0.0.1:${port}`, worker }
}

async function publishPost({ embeddedPorts }: Config): Promise<BenchPost> {
  const ids = createIdFactory(Date.now, Math.random)
  const address = { host: '127.0.0.1', port: embeddedPorts.postgres, user: 'postgres', database: 'postgres' }
  const client = new pg.Client(address)
  await client.connect()
  try {
    return await publish(client, ids.next(1), ids.next(1))
  } finally {
    await client.end()
  }
}

/** Each token likes once. @returns how many answers there were of each status */
async function likeAll(url: string, post: BenchPost, tokens: readonly string[]): Promise<Record<string, number>> {
  let next = 0
  const { statusCodeStats = {}, errors } = await autocannon({
    url,
    connections: PARALLEL,
    amount: tokens.length,
    // So soon after the last answer it ends; by default, at the next full second.
    sampleInt: 50,
    requests: [
      {
        method: 'POST',
        path: `/v1/posts/${post.id}/like`,
        setupRequest: (request) => ({ ...request, headers: { authorization: `Bearer ${tokens[next++]}` } }),
      },
    ],
  })
  const counts = Object.entries(statusCodeStats).map(([status, { count = 0 }]) => [status, count] as const)
  return Object.fromEntries(errors === 0 ? counts : [...counts, ['none', errors] as const])
}

function tokensOf({ secrets }: Config, wanted: number): Promise<string[]> {
  const ids = createIdFactory(Date.now, Math.random)
  const people = Array.from({ length: wanted }, () => ids.next(ids.randomShard()))
  const tokenOf = accessTokens(secrets, people)
  return Promise.all(people.map((_, place) => tokenOf(place)))
}

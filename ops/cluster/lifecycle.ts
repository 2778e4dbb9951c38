/** Brings servers up and down, whichever way runs them. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Health, probe } from './health.ts'
import type { Server } from './profiles.ts'
import { settle } from './settle.ts'
import type { Cluster } from './state.ts'
import { KINDS, type Kind, TITLES, VERSIONS } from './versions.ts'
import type { Tell, Way } from './way.ts'

/** Above what each took on two busy cores, Elasticsearch after a kill above all. */
const HEALTHY_MS = 180_000
/** How often a person who waits is told that it goes on. */
const WORD_MS = 10_000

/**
 * Installs and starts what does not run, waits until all answer, and settles them. Kinds come up side by side; those that follow
 * come after those they follow.
 * @throws Error naming every server that did not come up, with the end of its log; the others stay up
 */
export async function bringUp(cluster: Cluster, way: Way, servers: readonly Server[], tell: Tell): Promise<void> {
  await allOf(kindsOf(servers).map((kind) => bringUpKind(kind, cluster, way, servers, tell)))
}

/**
 * Makes sure that the software of these servers is here, and starts none.
 * @throws Error naming every one that could not be had
 */
export async function installAll(way: Way, servers: readonly Server[], tell: Tell): Promise<void> {
  await allOf(kindsOf(servers).map((kind) => install(kind, way, servers, tell)))
}

async function install(kind: Kind, way: Way, servers: readonly Server[], tell: Tell): Promise<void> {
  const ours = servers.filter((server) => server.kind === kind)
  await way.install(ours, tell).catch((error: unknown) => {
    throw new Error(`${TITLES[kind]} ${VERSIONS[kind]} could not be installed. ${sentence(error)}`)
  })
}

const kindsOf = (servers: readonly Server[]) => KINDS.filter((kind) => servers.some((server) => server.kind === kind))

/** Waits for all of them, also when one fails. @throws Error with the reasons of all, equal ones once */
async function allOf(parts: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(parts)).filter((result) => result.status === 'rejected')
  const reasons = new Set(failed.map(({ reason }) => sentence(reason)))
  if (reasons.size > 0) throw new Error([...reasons].join('\n\n'))
}

async function bringUpKind(kind: Kind, cluster: Cluster, way: Way, servers: readonly Server[], tell: Tell) {
  const ours = servers.filter((server) => server.kind === kind)
  await install(kind, way, ours, tell)
  for (const stage of stagesOf(ours)) {
    const began = performance.now()
    // All first: brokers answer once a majority of their controllers is there.
    const started = []
    for (const server of stage) if (await way.start(server, tell)) started.push(server)
    for (const server of stage) {
      const { version } = await untilHealthy(server, cluster, way, tell)
      const seconds = ((performance.now() - began) / 1_000).toFixed(1)
      tell(
        server,
        `${started.includes(server) ? `ready after ${seconds} s` : 'runs already'}: ${version} on 127.0.0.1:${server.port}`,
      )
    }
  }
  const running = await runningOf(
    way,
    cluster.servers.filter((server) => server.kind === kind),
  )
  await settle(kind, cluster, running, tell)
}

/** Primaries, then those that follow them. */
export function stagesOf(servers: readonly Server[]): (readonly Server[])[] {
  const first = servers.filter((server) => server.follows === undefined)
  const second = servers.filter((server) => server.follows !== undefined)
  return [first, second].filter((stage) => stage.length > 0)
}

async function untilHealthy(server: Server, cluster: Cluster, way: Way, tell: Tell): Promise<Health> {
  const context = { secrets: cluster.secrets, firstOutput: way.firstOutput }
  const began = performance.now()
  let nextWord = WORD_MS
  for (;;) {
    const health = await probe(server, context).catch((error: unknown) => sentence(error))
    if (typeof health !== 'string') return health
    const waited = performance.now() - began
    if ((await way.process(server)) === null) throw await failure(server, way, 'ended while it was starting')
    if (waited > HEALTHY_MS)
      throw await failure(server, way, `did not answer within ${HEALTHY_MS / 1_000} s (${health})`)
    if (waited > nextWord) {
      tell(server, `not ready after ${Math.round(waited / 1_000)} s, still waiting`)
      nextWord += WORD_MS
    }
    await delay(150)
  }
}

async function failure(server: Server, way: Way, what: string): Promise<Error> {
  return new Error(`${server.name} ${what}. The end of its log:\n${await way.lastLines(server, 20)}`)
}

const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Those of the servers that have a process. */
export async function runningOf(way: Way, servers: readonly Server[]): Promise<readonly Server[]> {
  const processes = await Promise.all(servers.map((server) => way.process(server)))
  return servers.filter((_, index) => processes[index] !== null)
}

/** Stops servers, the followed before the followers, so that these get the last of what was written. */
export async function bringDown(way: Way, servers: readonly Server[], tell: Tell, signal?: 'SIGKILL'): Promise<void> {
  const stop = async (server: Server) => {
    const began = performance.now()
    const outcome = await way.stop(server, signal)
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    tell(server, outcome === 'was not running' ? outcome : `${outcome} after ${seconds} s`)
  }
  await Promise.all(
    KINDS.map(async (kind) => {
      for (const stage of stagesOf(servers.filter((server) => server.kind === kind))) await Promise.all(stage.map(stop))
    }),
  )
}

export interface StatusLine {
  server: Server
  version: string
  pid: number | null
  memoryBytes: number
  /** `primary`, `one of 3 brokers` … or why it does not serve. */
  health: string
  serves: boolean
  /** Whether an `up` started it and no `down` has stopped it since. */
  isAsked: boolean
}

/** What each server says of itself, asked now. */
export function statusOf(cluster: Cluster, way: Way, asked: readonly string[]): Promise<StatusLine[]> {
  const context = { secrets: cluster.secrets, firstOutput: way.firstOutput }
  return Promise.all(
    cluster.servers.map(async (server): Promise<StatusLine> => {
      const isAsked = asked.includes(server.name)
      const running = await way.process(server)
      const silent = { server, version: '', pid: null, memoryBytes: 0, ...running, serves: false, isAsked }
      if (running === null) return { ...silent, health: isAsked ? 'has died: `up` starts it again' : 'not started' }
      return probe(server, context).then(
        ({ version, role }) => ({ ...silent, version, health: role, serves: true }),
        (error) => ({ ...silent, health: `does not answer: ${sentence(error)}` }),
      )
    }),
  )
}

/**
 * `npm start`: the whole of Tideline on this machine. The origin with its engines runs in this process, the three Workers
 * in workerd beside it; demo people and photos are there after the first start. Ctrl-C stops all, state stays.
 * With `-- --cluster` the engines are the servers that `npm run cluster -- up` started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Config, readConfig } from '../origin/config.ts'
import { DEMO_PASSWORD, demoPeople, seedDemo } from '../origin/demo/index.ts'
import { type Origin, startOrigin } from '../origin/main.ts'
import { createLogger } from '../origin/observe/logger.ts'
import { sentenceOf } from '../origin/observe/sentence.ts'
import { buildWeb } from '../web/build.ts'
import { placeFrom, readEnvironment } from './cluster/state.ts'
import { claim, endLeftBehind, untilGone } from './left-behind.ts'
import { say, sayProgress } from './terminal.ts'
import { localOrigin, writeWorkerConfigs } from './workers.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Authors of the demo become celebrities at sixty followers, so that a graph of two hundred people has some. */
const DEMO_THRESHOLDS = { CELEBRITY_AT: '60', ORDINARY_BELOW: '50' }
const WORKERS_UP_MS = 60_000
/** npm passes on the Ctrl-C that the terminal has sent already: a second signal so soon is the same one. */
const SAME_SIGNAL_MS = 1_000
/** Hold what other people of this machine may not read: passwords' hashes, tokens in logs, private pictures. */
const PRIVATE_FOLDERS = ['logs', 'postgres', 'redis', 'objects', 'workers']

interface Running {
  origin: Origin
  workers: ChildProcess
  url: string
}

/** The settings and a state folder that is ours alone, or one sentence and the end. */
function prepare(): { config: Config; apiPort: number; release: () => void } {
  try {
    const { values } = parseArgs({ options: { cluster: { type: 'boolean', default: false } } })
    const cluster = values.cluster ? readEnvironment(placeFrom(process.env).folder) : {}
    // Before the settings, which bring secrets into the state folder: a start that is refused leaves none behind.
    const apiPort = pagePort(process.env.API_PORT)
    const config = readConfig({ ...DEMO_THRESHOLDS, ...cluster, ...process.env })
    for (const folder of PRIVATE_FOLDERS) {
      mkdirSync(join(config.stateDir, folder), { recursive: true })
      chmodSync(join(config.stateDir, folder), 0o700)
    }
    return { config, apiPort, release: claim(config.stateDir) }
  } catch (error) {
    say(`Tideline did not start. ${sentenceOf(error)}${isUnknownOption(error) ? USAGE : ''}`)
    return process.exit(1)
  }
}

/** Where the page and the API are. Not 0: their address stands in what they answer. */
function pagePort(text: string | undefined): number {
  const port = Number(text || 8787)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error('API_PORT: a port is 1 to 65535.')
  return port
}

async function start(config: Config, apiPort: number): Promise<Running> {
  await untilGone(endLeftBehind(config.stateDir))
  await refuseBusyPorts({ ...portsInUse(config), page: apiPort })
  const url = `http://127.0.0.1:${apiPort}`
  const logs = join(config.stateDir, 'logs')
  const log = join(logs, 'origin.log')

  say(`Tideline, state in ${config.stateDir}`)
  const logger = createLogger({
    level: config.logLevel,
    destination: createWriteStream(log, { flags: 'a' }),
  })
  const origin = await startOrigin({
    config,
    logger,
    prepare: (engines, tiers) =>
      seedDemo({
        ...engines,
        ...(config.cassandra === null ? {} : { engagementStore: engines.engagement }),
        search: tiers,
        celebrityAt: config.policy.celebrityAt,
        onProgress: sayProgress,
      }),
    onWaiting: (what, reason) =>
      say(`  still waiting for ${what}${reason === null ? ' …' : `: ${reason} (see ${log})`}`),
    onEngineDeath: (sentence) => say(`\n${sentence}\nThe log is ${log}.`),
  })
  for (const [port, engine] of Object.entries(origin.engines.described)) say(`  ${port.padEnd(10)} ${engine}`)
  await buildWeb({
    outDir: join(config.stateDir, 'web'),
    minify: true,
    demo: { people: await demoPeople(origin.engines.database), password: DEMO_PASSWORD },
  })
  const workers = startWorkers(config, origin, url, apiPort, join(logs, 'workers.log'))
  await untilUp(url, workers, join(logs, 'workers.log'))
  return { origin, workers, url }
}

function startWorkers(config: Config, origin: Origin, publicUrl: string, port: number, log: string): ChildProcess {
  const configs = writeWorkerConfigs(join(config.stateDir, 'workers'), {
    ...localOrigin(config, { ...origin, objectsEndpoint: origin.engines.objectsEndpoint }),
    publicUrl,
    page: join(config.stateDir, 'web'),
  })
  const args = [
    ...['dev', ...configs.flatMap((file) => ['-c', file])],
    ...['--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0'],
    ...['--persist-to', join(config.stateDir, 'workers', 'state'), '--show-interactive-dev-session=false'],
  ]
  // A process group of its own: Ctrl-C reaches this process first, and it decides the order of the end.
  const workers = spawn(join(ROOT, 'node_modules/.bin/wrangler'), args, {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Nothing is asked of the network: neither counts nor where a request would come from.
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false', FORCE_COLOR: '0' },
  })
  if (workers.pid !== undefined) writeFileSync(join(config.stateDir, 'workers', 'pid'), String(workers.pid))
  const file = createWriteStream(log, { flags: 'a' })
  workers.stdout.pipe(file, { end: false })
  workers.stderr.pipe(file, { end: false })
  return workers
}

/** Those that this process will listen on: an engine that is elsewhere needs none. */
function portsInUse({
  port,
  gatewayPort,
  embeddedPorts,
  databases,
  redisUrl,
  objects,
}: Config): Record<string, number> {
  const isEmbeddedRedis = redisUrl === null || redisUrl === 'embedded'
  return {
    origin: port,
    gateway: gatewayPort,
    ...(databases === null ? { postgres: embeddedPorts.postgres } : {}),
    ...(isEmbeddedRedis ? { redis: embeddedPorts.redis } : {}),
    ...(objects.endpoint === null ? { objects: embeddedPorts.objects } : {}),
  }
}

const USAGE = '. There is one option: npm start -- --cluster, on the servers of `npm run cluster -- up`.'

const isUnknownOption = (error: unknown) =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')

/** Ports in use are said by name before anything is started, all of them at once. */
async function refuseBusyPorts(ports: Record<string, number>): Promise<void> {
  const busy: string[] = []
  for (const [name, port] of Object.entries(ports)) {
    const isFree = await new Promise((resolve) => {
      const probe = createServer().once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (!isFree) busy.push(`${port} (${name})`)
  }
  if (busy.length === 0) return
  const [noun, are] = busy.length === 1 ? ['Port', 'is'] : ['Ports', 'are']
  throw new Error(
    `${noun} ${busy.join(', ')} ${are} in use. Is Tideline running already? README.md says how to choose others.`,
  )
}

async function untilUp(url: string, workers: ChildProcess, log: string): Promise<void> {
  const until = Date.now() + WORKERS_UP_MS
  while (Date.now() < until) {
    if (hasEnded(workers)) throw new Error(`The Workers ended while starting; ${log} says why.`)
    const up = await fetch(`${url}/health`)
      .then((answer) => answer.ok)
      .catch(() => false)
    if (up) return
    await delay(100)
  }
  throw new Error(`The Workers did not answer on ${url} within ${WORKERS_UP_MS / 1000} s; see ${log}.`)
}

/** Signs a demo person in and prints what to try: the page, and a feed by curl. */
async function introduce({ origin, url }: Running): Promise<void> {
  const [person] = await demoPeople(origin.engines.database)
  say(`\n  page      ${url}\n  API docs  ${url}/docs`)
  if (person === undefined) return
  const answer = await fetch(`${url}/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ login: person.username, password: DEMO_PASSWORD }),
  })
  if (!answer.ok) throw new Error(`The demo person ${person.username} could not sign in: ${answer.status}`)
  const { accessToken } = (await answer.json()) as { accessToken: string }
  say(`\nA ranked feed, as ${person.username} (the token lasts fifteen minutes):\n`)
  say(`  curl -s '${url}/v1/feed?limit=50' -H 'authorization: Bearer ${accessToken}'\n`)
  say(
    `Every demo person's password is ${DEMO_PASSWORD}. The celebrity line is at ${origin.config.policy.celebrityAt} followers here (10,000 by default).`,
  )
  say('Ctrl-C stops everything; the next start is quick.')
}

/** By itself, or by a signal. */
const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

async function stop({ origin, workers }: Running): Promise<void> {
  const { pid } = workers
  if (pid !== undefined && !hasEnded(workers)) {
    const ended = new Promise((resolve) => workers.once('exit', resolve))
    process.kill(-pid, 'SIGINT')
    const cut = setTimeout(() => process.kill(-pid, 'SIGKILL'), 5_000)
    await ended
    clearTimeout(cut)
  }
  await origin.close()
}

const { config, apiPort, release } = prepare()
process.on('exit', release)
let running: Running | null = null
let stoppingSince: number | null = null

function end(code: number): void {
  if (stoppingSince !== null && Date.now() - stoppingSince < SAME_SIGNAL_MS) return
  // Asked twice, or while starting: at once, but leaving nothing behind.
  if (stoppingSince !== null || running === null) {
    endLeftBehind(config.stateDir)
    process.exit(1)
  }
  stoppingSince = Date.now()
  say('\nStopping …')
  stop(running).then(
    () => process.exit(code),
    () => process.exit(1),
  )
}

process.on('SIGINT', () => end(0))
process.on('SIGTERM', () => end(0))
try {
  running = await start(config, apiPort)
  running.workers.on('exit', () => {
    if (stoppingSince !== null) return
    say(`The Workers ended; ${join(config.stateDir, 'logs/workers.log')} says why.`)
    end(1)
  })
  await introduce(running)
} catch (error) {
  say(`\nTideline did not start. ${sentenceOf(error)}`)
  endLeftBehind(config.stateDir)
  process.exit(1)
}

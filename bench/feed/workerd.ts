/**
 * The api Worker under plain workerd: the very bundle that `wrangler deploy --dry-run` builds, with stubs for what a feed
 * does not use (queues, limiter, assets, images, cache). No development proxy stands in between.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildWeb } from '../../web/build.ts'
import { type Running, startProcess, untilAnswers } from '../processes.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Builds the page and the api Worker's bundle, and answers its path. */
export async function buildBundle(directory: string): Promise<string> {
  await buildWeb({ outDir: join(ROOT, 'web/dist'), minify: true })
  return bundle('wrangler.toml', directory)
}

/** What would be deployed of one Worker. @param config from the root of the repository */
export function bundle(config: string, directory: string): string {
  const args = ['deploy', '--dry-run', '--config', config, '--outdir', directory]
  const { status, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/wrangler'), args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
  })
  if (status !== 0) throw new Error(`wrangler deploy --dry-run failed:\n${stderr}`)
  return join(directory, 'index.js')
}

/** The date of the Workers' runtime that wrangler.toml names. */
export const compatibilityDate = (): string =>
  /compatibility_date = "([^"]+)"/.exec(readFileSync(join(ROOT, 'wrangler.toml'), 'utf8'))?.[1] ?? ''

/** Starts workerd on a configuration and waits until the address answers. */
export async function serve(file: string, port: number): Promise<Running> {
  const running = startProcess(join(ROOT, 'node_modules/.bin/workerd'), ['serve', '--experimental', file])
  await untilAnswers(`http://127.0.0.1:${port}/health`)
  return running
}

/** Stands for a queue, a limiter, the assets, the images and the cache: takes everything, has nothing. */
export const STUB = `
import { WorkerEntrypoint } from 'cloudflare:workers'
export default class extends WorkerEntrypoint {
  fetch(request) { return new Response(null, { status: request.headers.has('cf-cache') || request.method === 'PUT' ? 204 : 504 }) }
  async limit() { return { success: true } }
}`

const HELLO = `export default { fetch: () => new Response('hello, world') }`

const text = (value: string) => JSON.stringify(value)

function configuration(port: number, script: string, vars: Record<string, string>, date: string): string {
  const bindings = [
    ...Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...['EVENTS', 'DEFERRED_WRITES'].map((name) => `(name = "${name}", queue = "stub")`),
    ...['IMAGES', 'ASSETS', 'RATE_LIMITER', 'RATE_LIMITER_WRITES', 'RATE_LIMITER_SIGN_IN'].map(
      (name) => `(name = "${name}", service = "stub")`,
    ),
  ]
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "stub", worker = .stub),
    (name = "internet", network = (allow = ["private", "local", "public"])),
  ],
  sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ],
);
const main :Workerd.Worker = (
  modules = [ (name = "index.js", esModule = embed ${text(script)}) ],
  compatibilityDate = "${date}",
  cacheApiOutbound = "stub",
  bindings = [ ${bindings.join(', ')} ],
);
const stub :Workerd.Worker = (
  modules = [ (name = "stub.js", esModule = embed "stub.js") ],
  compatibilityDate = "${date}",
);
`
}

export interface WorkerOptions {
  directory: string
  /** Names the configuration file; one directory may hold several. */
  name: string
  port: number
  /** File in the directory; absent: a Worker that says hello. */
  script?: string
  vars?: Record<string, string>
}

/** Starts workerd and waits until it answers. */
export async function startWorker({ directory, name, port, script, vars = {} }: WorkerOptions): Promise<Running> {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'stub.js'), STUB)
  writeFileSync(join(directory, 'hello.js'), HELLO)
  const file = join(directory, `${name}.capnp`)
  writeFileSync(file, configuration(port, script ?? 'hello.js', vars, compatibilityDate()))
  return serve(file, port)
}

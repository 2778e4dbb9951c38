/**
 * All three Workers in plain workerd, from the bundles of `wrangler deploy --dry-run`, with the two things of Cloudflare's that
 * they need and workerd has only with a development proxy: queues and a cache. Both are Workers of a few lines here. The
 * image Worker has a process of its own, as it has on Cloudflare: workerd has one thread, and nobody waits there for a picture.
 * Pictures are asked of it directly, as a zone does that gives it the routes of pictures; the cache of both lies in that process.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { workerVars } from '../../ops/workers.ts'
import { buildBundle, bundle, compatibilityDate, STUB, serve } from '../feed/workerd.ts'
import { freePort, type Running } from '../processes.ts'

/**
 * A queue: hands messages to the consumer at once, a hundred at most, one batch after the other; what is to be tried again
 * waits as long as the consumer says.
 */
const QUEUE = `
const waiting = []
let busy = false
async function flush(env) {
  if (busy) return
  busy = true
  try {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, 100)
      const { outcome, retryBatch, retryMessages } = await env.CONSUMER.queue(env.NAME, batch.map(({ body, ...message }) => ({ ...message, serializedBody: body })))
      const again = new Map(retryMessages.map(({ msgId, delaySeconds }) => [msgId, delaySeconds ?? 0]))
      for (const message of batch) {
        if (outcome !== 'ok' || retryBatch.retry || again.has(message.id)) {
          console.error('a message of the queue ' + env.NAME + ' is tried again')
          await scheduler.wait(1000 * (again.get(message.id) ?? 1))
          waiting.push({ ...message, attempts: message.attempts + 1 })
        }
      }
    }
  } finally { busy = false }
}
const message = (body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body })
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer
export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === '/batch') {
      const { messages } = await request.json()
      for (const { body } of messages) waiting.push(message(bytes(body)))
    } else waiting.push(message(await request.arrayBuffer()))
    context.waitUntil(flush(env))
    return Response.json({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } } })
  }
}`

/**
 * The Cache API behind a data centre: answers in memory, the oldest out first above a gigabyte. DELETE of /<text> drops what
 * has the text in its address.
 */
const CACHE = `
const kept = new Map()
const MOST = 1024 ** 3
let size = 0
function headEnd(bytes) {
  for (let i = 0; i + 3 < bytes.length; i++) if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i
  return -1
}
function drop(url) { size -= kept.get(url)?.body.length ?? 0; return kept.delete(url) }
export default {
  async fetch(request) {
    const { url, method } = request
    if (method === 'DELETE') {
      const part = decodeURIComponent(new URL(url).pathname.slice(1))
      for (const other of kept.keys()) if (other.includes(part)) drop(other)
      return new Response(null, { status: 204 })
    }
    if (method === 'PURGE') return new Response(null, { status: drop(url) ? 200 : 404 })
    if (method !== 'PUT') {
      const found = kept.get(url)
      return found === undefined ? new Response(null, { status: 504, headers: { 'cf-cache-status': 'MISS' } })
        : new Response(found.body, { status: found.status, headers: [...found.headers, ['cf-cache-status', 'HIT']] })
    }
    const bytes = new Uint8Array(await request.arrayBuffer())
    const end = headEnd(bytes)
    const [first = '', ...lines] = new TextDecoder('latin1').decode(bytes.subarray(0, end)).split('\\r\\n')
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
    if (end === -1 || headers.some(([name]) => /transfer-encoding/i.test(name))) return new Response(null, { status: 204 })
    drop(url)
    const body = bytes.slice(end + 4)
    kept.set(url, { status: Number(first.split(' ')[1]), headers, body })
    size += body.length
    for (const oldest of kept.keys()) { if (size <= MOST) break; drop(oldest) }
    return new Response(null, { status: 204 })
  }
}`

const text = (value: string) => JSON.stringify(value)
const texts = (vars: Record<string, string>) =>
  Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`)
const services = (names: Record<string, string>) =>
  Object.entries(names).map(([name, service]) => `(name = "${name}", service = "${service}")`)

interface Script {
  /** File in the directory. */
  script: string
  wasm?: string[]
  bindings?: string[]
  flags?: string[]
}

function worker({ script, wasm = [], bindings = [], flags = [] }: Script): string {
  const modules = [
    `(name = "index.js", esModule = embed ${text(script)})`,
    ...wasm.map((file) => `(name = ${text(file.slice(file.indexOf('/') + 1))}, wasm = embed ${text(file)})`),
  ]
  return `(worker = (
    modules = [ ${modules.join(', ')} ],
    compatibilityDate = "${compatibilityDate()}",
    compatibilityFlags = [ ${flags.map(text).join(', ')} ],
    cacheApiOutbound = "cache",
    bindings = [ ${bindings.join(', ')} ],
  ))`
}

const INTERNET = '(network = (allow = ["private", "local", "public"]))'

/** @param sockets ports by the name of the service that answers there */
function configuration(parts: Record<string, string>, sockets: Record<string, number>): string {
  const named = Object.entries(parts).map(([name, part]) => `(name = "${name}", ${part.slice(1)}`)
  const listening = Object.entries(sockets).map(
    ([service, port]) => `(name = "${service}", address = "127.0.0.1:${port}", http = (), service = "${service}")`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ ${named.join(',\n')} ],
  sockets = [ ${listening.join(', ')} ],
);
`
}

interface Ports {
  api: number
  image: number
  cache: number
}

function apiConfiguration(ports: Ports, vars: ReturnType<typeof workerVars>): string {
  const stubs = ['ASSETS', 'RATE_LIMITER', 'RATE_LIMITER_WRITES', 'RATE_LIMITER_SIGN_IN']
  const queue = (name: string) =>
    worker({
      script: 'queue.js',
      flags: ['service_binding_extra_handlers'],
      bindings: [...texts({ NAME: name }), ...services({ CONSUMER: 'consumer' })],
    })
  const main = worker({
    script: 'index.js',
    bindings: [
      ...texts({ ...vars.api, ACCESS_LOG: 'all' }),
      ...services({ IMAGES: 'image', ...Object.fromEntries(stubs.map((name) => [name, 'stub'])) }),
      '(name = "EVENTS", queue = "events")',
      '(name = "DEFERRED_WRITES", queue = "deferred-writes")',
    ],
  })
  const parts = {
    main,
    image: elsewhere(ports.image),
    consumer: worker({ script: 'consumer/index.js', bindings: texts(vars.fanout) }),
    events: queue('events'),
    'deferred-writes': queue('deferred-writes'),
    cache: elsewhere(ports.cache),
    stub: worker({ script: 'stub.js' }),
    internet: INTERNET,
  }
  return configuration(parts, { main: ports.api })
}

const elsewhere = (port: number) => `(external = (address = "127.0.0.1:${port}", http = ()))`

function imageConfiguration({ image, cache }: Ports, directory: string, vars: Record<string, string>): string {
  const wasm = readdirSync(join(directory, 'image')).filter((file) => file.endsWith('.wasm'))
  const script = 'image/index.js'
  const parts = {
    image: worker({ script, wasm: wasm.map((name) => `image/${name}`), bindings: texts(vars) }),
    cache: worker({ script: 'cache.js' }),
    internet: INTERNET,
  }
  return configuration(parts, { image, cache })
}

/** Builds the bundles into the directory. */
export async function buildEdge(directory: string): Promise<void> {
  await buildBundle(directory)
  bundle('workers/image-resize/wrangler.toml', join(directory, 'image'))
  bundle('workers/fanout-consumer/wrangler.toml', join(directory, 'consumer'))
  writeFileSync(join(directory, 'queue.js'), QUEUE)
  writeFileSync(join(directory, 'cache.js'), CACHE)
  writeFileSync(join(directory, 'stub.js'), STUB)
}

export interface Edge {
  url: string
  /** Of the image Worker. */
  imageUrl: string
  /** The Workers' cache: DELETE of /<text> drops what has the text in its address. */
  cacheUrl: string
  /** The api Worker with the queues and their consumer. */
  api: Running
  image: Running
}

/** Starts both processes. */
export async function startEdge(directory: string, vars: ReturnType<typeof workerVars>): Promise<Edge> {
  const ports = { api: await freePort(), image: await freePort(), cache: await freePort() }
  const files = { api: join(directory, 'api.capnp'), image: join(directory, 'image.capnp') }
  writeFileSync(files.image, imageConfiguration(ports, directory, vars.image))
  writeFileSync(files.api, apiConfiguration(ports, vars))
  const image = await serve(files.image, ports.image)
  const api = await serve(files.api, ports.api)
  const at = (port: number) => `http://127.0.0.1:${port}`
  return { url: at(ports.api), imageUrl: at(ports.image), cacheUrl: at(ports.cache), api, image }
}

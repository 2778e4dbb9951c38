/**
 * The gateway as a process of its own: `node origin/gateway/upstash/server.ts`, configured by the environment
 * (see README.md).
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { z } from 'zod'
import { sentenceOf } from '../../observe/sentence.ts'
import { createUpstashGateway, type GatewayLogger, promMetrics, type UpstashGatewayOptions } from './index.ts'

const list = z
  .string()
  .default('')
  .transform((text) => text.split(/[\s,]+/).filter((token) => token !== ''))
const count = z.coerce.number().int().positive().optional()

const environment = z.object({
  REDIS_URL: z.string().default('redis://127.0.0.1:6379'),
  UPSTASH_GATEWAY_TOKENS: list,
  UPSTASH_GATEWAY_READ_TOKENS: list,
  UPSTASH_GATEWAY_HOST: z.string().default('127.0.0.1'),
  UPSTASH_GATEWAY_PORT: z.coerce.number().int().min(0).max(65_535).default(8079),
  UPSTASH_GATEWAY_PREFIX: z.string().default(''),
  UPSTASH_GATEWAY_METRICS: z.enum(['on', 'off']).default('off'),
  UPSTASH_GATEWAY_BODY_BYTES: count,
  UPSTASH_GATEWAY_REPLY_BYTES: count,
  UPSTASH_GATEWAY_PIPELINE_COMMANDS: count,
  UPSTASH_GATEWAY_REQUESTS: count,
  UPSTASH_GATEWAY_IN_FLIGHT_COMMANDS: count,
  UPSTASH_GATEWAY_COMMAND_TIMEOUT_MS: count,
  UPSTASH_GATEWAY_STREAMS: count,
})

export interface GatewayServer {
  url: string
  /** Refuses new connections, lets requests under way finish, then closes Redis. */
  close(): Promise<void>
}

export interface GatewayServerOptions extends UpstashGatewayOptions {
  host?: string
  /** 0 takes a free port. */
  port?: number
  /** Serves prom-client's metrics at `GET /metrics`, without a token. */
  exposeMetrics?: boolean
}

/** Longest wait for requests under way when the server closes, in ms. Above any command time-out by default. */
const DRAIN_MS = 10_000

/** Starts a server with nothing but the gateway on it. */
export async function startUpstashGateway(options: GatewayServerOptions): Promise<GatewayServer> {
  const registry = new Registry()
  if (options.exposeMetrics) collectDefaultMetrics({ register: registry })
  const gateway = createUpstashGateway(options.exposeMetrics ? { ...options, metrics: promMetrics(registry) } : options)
  let answering = 0
  let whenIdle: (() => void) | undefined
  const server = createServer((request, response) => {
    answering++
    response.once('close', () => {
      if (--answering === 0) whenIdle?.()
    })
    if (options.exposeMetrics && request.method === 'GET' && request.url === '/metrics')
      registry.metrics().then(
        (text) => response.setHeader('content-type', registry.contentType).end(text),
        () => response.writeHead(500).end(),
      )
    else if (!gateway.handle(request, response))
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"ERR not found"}')
  })
  // Longer than the 60 s that load balancers keep an idle connection: the side that closes first must not be ours.
  server.keepAliveTimeout = 75_000
  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      gateway.endStreams()
      // Neither connections that fall idle later nor those that never carried a request count as idle for node:http.
      whenIdle = () => server.closeAllConnections()
      if (answering === 0) whenIdle()
      const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
      await closed
      clearTimeout(deadline)
      await gateway.close()
    },
  }
}

/** Reads the settings from environment variables. @throws Error naming each variable that is wrong */
function optionsFromEnvironment(variables: NodeJS.ProcessEnv, logger: GatewayLogger): GatewayServerOptions {
  const parsed = environment.safeParse(variables)
  if (!parsed.success) {
    throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
  }
  const env = parsed.data
  if (env.UPSTASH_GATEWAY_TOKENS.length + env.UPSTASH_GATEWAY_READ_TOKENS.length === 0) {
    throw new Error('Set UPSTASH_GATEWAY_TOKENS: without a token nobody can use the gateway.')
  }
  const limits = {
    bodyBytes: env.UPSTASH_GATEWAY_BODY_BYTES,
    replyBytes: env.UPSTASH_GATEWAY_REPLY_BYTES,
    pipelineCommands: env.UPSTASH_GATEWAY_PIPELINE_COMMANDS,
    requests: env.UPSTASH_GATEWAY_REQUESTS,
    inFlightCommands: env.UPSTASH_GATEWAY_IN_FLIGHT_COMMANDS,
    commandTimeoutMs: env.UPSTASH_GATEWAY_COMMAND_TIMEOUT_MS,
    streams: env.UPSTASH_GATEWAY_STREAMS,
  }
  return {
    redis: { url: env.REDIS_URL },
    tokens: { readWrite: env.UPSTASH_GATEWAY_TOKENS, readOnly: env.UPSTASH_GATEWAY_READ_TOKENS },
    limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)),
    host: env.UPSTASH_GATEWAY_HOST,
    port: env.UPSTASH_GATEWAY_PORT,
    pathPrefix: env.UPSTASH_GATEWAY_PREFIX,
    exposeMetrics: env.UPSTASH_GATEWAY_METRICS === 'on',
    logger,
  }
}

async function run(): Promise<void> {
  const logger = pino()
  const server = await startUpstashGateway(optionsFromEnvironment(process.env, logger))
  logger.info({ url: server.url }, 'gateway: listening')
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      server.close().then(
        () => process.exit(0),
        () => process.exit(1),
      )
    })
}

if (import.meta.main) {
  await run().catch((error: unknown) => {
    process.stderr.write(`The gateway did not start. ${sentenceOf(error)}\n`)
    process.exit(1)
  })
}

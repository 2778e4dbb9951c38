/** Answers the gateway's HTTP requests: commands in every form, streams, health, and refusals. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { shareOf } from '#core/load.ts'
import { urgencyOf } from '../../admission.ts'
import { BodyAbortedError, BodyTooLargeError, readBody, sendJson } from '../http.ts'
import type { AccessCheck } from './access.ts'
import type { Answer } from './answer.ts'
import { GatewayError, tooBusy } from './errors.ts'
import type { Executor } from './execute.ts'
import type { GatewayMetrics, GatewayRoute } from './metrics.ts'
import type { Access } from './policy.ts'
import { decodeSegment, parseCommand, parsePath, parsePipeline } from './request.ts'
import type { GatewayLimits, GatewayLogger } from './settings.ts'
import type { Streams } from './streams.ts'

/** How the gateway is doing. */
export interface GatewayHealth {
  status: 'ok' | 'unavailable'
  /** `silent`: the oldest command under way has waited for a second. */
  redis: 'connected' | 'silent' | 'away'
  inFlightCommands: number
  streams: number
}

interface HandlerParts {
  executor: Executor
  streams: Streams
  accessOf: AccessCheck
  health(): GatewayHealth
  /** What every path of the gateway begins with, without a slash at its end. */
  prefix: string
  limits: GatewayLimits
  logger: GatewayLogger
  metrics: GatewayMetrics
  now: () => number
}

/** Answers a request, whatever becomes of it, and counts the answer. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export function createHandler(parts: HandlerParts): Handler {
  const { health, prefix, logger, metrics, now } = parts
  const work: Work = { requests: 0 }
  return async function answer(request, response) {
    const startedAt = now()
    const target = targetOf(request.url!.slice(prefix.length))
    try {
      if (target.route === 'health') sendHealth(response, health())
      else await answerCommands(request, response, target, parts, work)
    } catch (error) {
      sendFailure(response, error, logger)
    }
    metrics.answered(target.route, response.statusCode, (now() - startedAt) / 1000)
  }
}

async function answerCommands(
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  { executor, streams, accessOf, limits, metrics }: HandlerParts,
  work: Work,
): Promise<void> {
  const { method } = request
  if (method !== 'POST' && method !== 'GET' && method !== 'PUT' && method !== 'HEAD')
    throw new GatewayError(405, `ERR method ${method} is not allowed: use GET, HEAD, POST or PUT`)
  const access = accessOf(request, target.query)
  if (access === undefined) throw new GatewayError(401, 'WRONGPASS invalid or missing auth token')
  if (work.requests >= limits.requests * shareOf(urgencyOf(request.headers.priority))) throw tooBusy('requests')
  if (target.route === 'stream') {
    await readBody(request, limits.bodyBytes)
    const command = target.path.split('/').slice(1).map(decodeSegment)
    command[0] = command[0]!.toUpperCase()
    await streams.serve(command, access, response, { 'upstash-sync-token': randomUUID() })
    return
  }
  work.requests++
  try {
    const body = await readBody(request, limits.bodyBytes)
    const base64 = request.headers['upstash-encoding'] === 'base64'
    const result = await execute(executor, target, { access, body, base64 }, limits.pipelineCommands)
    metrics.commands(result.commands, result.failed)
    sendAnswer(response, result)
  } finally {
    work.requests--
  }
}

/** What is under way. */
interface Work {
  requests: number
}

function execute(
  executor: Executor,
  { route, path, query }: Target,
  { access, body, base64 }: { access: Access; body: Buffer; base64: boolean },
  pipelineCommands: number,
): Promise<Answer> {
  if (route === 'pipeline') return executor.pipeline(parsePipeline(body, pipelineCommands), access, base64)
  if (route === 'multi-exec') return executor.transaction(parsePipeline(body, pipelineCommands), access, base64)
  if (route === 'command') return executor.one(parseCommand(body), access, base64)
  return executor.one(parsePath(path, query, body), access, base64)
}

function sendHealth(response: ServerResponse, health: GatewayHealth): void {
  sendJson(response, health.status === 'ok' ? 200 : 503, health, { 'cache-control': 'no-store' })
}

function sendFailure(response: ServerResponse, error: unknown, logger: GatewayLogger): void {
  const headers: Record<string, string> = { 'upstash-sync-token': randomUUID() }
  if (error instanceof GatewayError) {
    if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds)
    sendJson(response, error.status, { error: error.message }, headers)
  } else if (error instanceof BodyTooLargeError)
    sendJson(response, 413, { error: `ERR max request size exceeded: at most ${error.limitBytes} bytes` }, headers)
  else if (!(error instanceof BodyAbortedError)) {
    logger.error({ err: error }, 'request failed')
    sendJson(response, 500, { error: 'ERR internal error' }, headers)
  }
}

interface Target {
  route: GatewayRoute
  path: string
  query: string
}

const ROUTES: Readonly<Record<string, GatewayRoute>> = {
  '': 'command',
  '/': 'command',
  '/pipeline': 'pipeline',
  '/multi-exec': 'multi-exec',
  '/health': 'health',
}

function targetOf(url: string): Target {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? '' : url.slice(mark + 1)
  const route = ROUTES[path] ?? (/^\/(?:p?subscribe\/|monitor$)/i.test(path) ? 'stream' : 'path')
  return { route, path, query }
}

function sendAnswer(response: ServerResponse, { status, body }: Answer): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'upstash-sync-token': randomUUID(),
  })
  response.end(body)
}

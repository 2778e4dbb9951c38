import type { ServerResponse } from 'node:http'
import type { Answer } from './answer.ts'
import type { RedisBackend } from './backend.ts'
import { badRequest, GatewayError, tooBusy } from './errors.ts'
import { type Access, noPermission } from './policy.ts'
import type { Command } from './resp.ts'
import type { GatewayLimits } from './settings.ts'

/** Server-sent events from SUBSCRIBE, PSUBSCRIBE and MONITOR. */
export interface Streams {
  readonly open: number
  /**
   * Answers with a stream that lasts until the client leaves, Redis goes away or the gateway closes.
   *
   * @param command SUBSCRIBE or PSUBSCRIBE with channels or patterns, or MONITOR
   * @throws {GatewayError} before the stream began: 400, 503
   */
  serve(command: Command, access: Access, response: ServerResponse, headers: Record<string, string>): Promise<void>
  closeAll(): void
}

const HEARTBEAT = ': keep-alive\n\n'

export function createStreams(redis: RedisBackend, limits: GatewayLimits): Streams {
  const ends = new Set<() => void>()
  let opening = 0

  async function serve(
    command: Command,
    access: Access,
    response: ServerResponse,
    headers: Record<string, string>,
  ): Promise<void> {
    check(command, access)
    if (ends.size + opening >= limits.streams) throw tooBusy('streams')
    opening++
    const connection = await redis.dedicated([command]).finally(() => opening--)
    if (response.destroyed) {
      connection.destroy()
      return
    }
    begin(response, headers)
    const heartbeat = setInterval(() => send(response, HEARTBEAT, limits), limits.streamHeartbeatMs)
    const end = (): void => {
      clearInterval(heartbeat)
      connection.destroy()
      ends.delete(end)
      response.end()
    }
    ends.add(end)
    response.once('close', end)
    connection.listen(command, (answer) => send(response, event(answer), limits))
    await connection.closed
    end()
  }

  return {
    get open() {
      return ends.size
    },
    serve,
    closeAll() {
      for (const end of [...ends]) end()
    },
  }
}

/** @throws {GatewayError} 400 */
function check(command: Command, access: Access): void {
  // MONITOR shows every command of every client, values and all.
  if (command[0] === 'MONITOR' && access === 'readOnly') throw new GatewayError(400, noPermission('MONITOR'))
  if (command[0] !== 'MONITOR' && command.length < 2)
    throw badRequest(`ERR wrong number of arguments for '${String(command[0]).toLowerCase()}' command`)
}

function begin(response: ServerResponse, headers: Record<string, string>): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // nginx holds streams back unless told otherwise.
    'x-accel-buffering': 'no',
    ...headers,
  })
  response.flushHeaders()
}

/** Sends to a client; one that does not read is cut off, as Redis cuts off its own slow subscribers. */
function send(response: ServerResponse, text: string, limits: GatewayLimits): void {
  if (response.writableEnded || response.destroyed) return
  if (response.writableLength > limits.streamBufferBytes) response.destroy()
  else response.write(text)
}

/**
 * One event as Upstash writes it: `data: message,<channel>,<payload>` for a message, `data: "OK"` and then the bare
 * line for MONITOR. Line breaks in a payload start a new `data:` line, so that no payload can forge an event.
 */
function event(answer: Answer): string {
  const { result, error } = JSON.parse(answer.body.toString()) as { result?: unknown; error?: string }
  let text: string
  if (error !== undefined) text = JSON.stringify({ error })
  else if (Array.isArray(result)) text = result.join(',')
  else text = result === 'OK' ? '"OK"' : String(result)
  return `${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}`)
    .join('\n')}\n\n`
}

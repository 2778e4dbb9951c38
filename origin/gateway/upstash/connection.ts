import { isTold } from '../../observe/sparingly.ts'
import type { Answer } from './answer.ts'
import { redisAway, tooBusy } from './errors.ts'
import { type Exchange, RespSocket } from './resp-socket.ts'
import type { GatewayLimits, GatewayLogger, RedisSettings } from './settings.ts'

/** A connection that belongs to one request or stream. Whoever opened it closes it. */
export type DedicatedConnection = Pick<RespSocket, 'exchange' | 'listen' | 'closed' | 'destroy'>

/** A server, and the connection to it that all requests share. */
export interface ServerConnection {
  readonly ready: boolean
  /** Ready, and no command has waited for its reply for longer than a server takes that is well. */
  readonly answers: boolean
  /** Resolves when the first try to connect has succeeded or failed. */
  readonly tried: Promise<void>
  /** Commands sent and not answered. */
  readonly inFlight: number
  /**
   * Sends commands on the shared connection.
   *
   * @throws {GatewayError} 503 when Redis is away or too much waits already (nothing was sent), 502 when the
   *   connection broke on the way, 504 when the answer took too long
   */
  pipeline(exchange: Exchange): Promise<Answer>
  /** Opens another connection. @throws {GatewayError} 503 when Redis is away */
  dedicated(): Promise<DedicatedConnection>
  close(): Promise<void>
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
/** A Redis that is well answers within milliseconds. One that hangs keeps its connection until `expire` gives it up, seconds later. */
const SILENT_MS = 1_000

export interface ConnectionParts {
  settings: RedisSettings
  limits: GatewayLimits
  logger: GatewayLogger
  now: () => number
  random: () => number
}

/**
 * One shared connection to one Redis, reopened for ever when it breaks, with growing pauses.
 *
 * While it is down, commands are refused at once: a client that hears 503 within a millisecond can serve something
 * else, one that waits in a queue cannot.
 */
export function connectServer(parts: ConnectionParts): ServerConnection {
  return new SharedConnection(parts)
}

class SharedConnection implements ServerConnection {
  readonly #parts: ConnectionParts
  #socket: RespSocket | undefined
  #isStopped = false
  /** Ends the pause between two tries; does nothing when there is none. */
  #endPause = (): void => {}
  readonly #sweep: NodeJS.Timeout
  readonly #done: Promise<void>
  #hasTried = (): void => {}
  readonly tried: Promise<void> = new Promise((resolve) => {
    this.#hasTried = resolve
  })

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    const { commandTimeoutMs } = parts.limits
    // A timer a request would cost more than the request's own bookkeeping; a tenth of the limit is exact enough.
    this.#sweep = setInterval(
      () => this.#socket?.expire(commandTimeoutMs),
      Math.max(5, Math.min(100, commandTimeoutMs / 10)),
    )
    this.#sweep.unref()
    this.#done = this.#keepConnected()
  }

  get ready(): boolean {
    return this.#socket !== undefined
  }

  get answers(): boolean {
    return this.#socket !== undefined && this.#socket.waitingMs < SILENT_MS
  }

  get inFlight(): number {
    return this.#socket?.inFlight ?? 0
  }

  pipeline(exchange: Exchange): Promise<Answer> {
    const { limits } = this.#parts
    const socket = this.#socket
    if (socket === undefined) return Promise.reject(redisAway())
    if (socket.inFlight + exchange.replies > limits.inFlightCommands)
      return Promise.reject(tooBusy('commands in flight'))
    if (socket.inFlightBytes + exchange.wire.length > limits.inFlightBytes)
      return Promise.reject(tooBusy('bytes in flight'))
    return socket.exchange(exchange)
  }

  async dedicated(): Promise<DedicatedConnection> {
    if (this.#socket === undefined) throw redisAway()
    try {
      return await this.#open()
    } catch {
      throw redisAway()
    }
  }

  async close(): Promise<void> {
    this.#isStopped = true
    this.#hasTried()
    clearInterval(this.#sweep)
    this.#endPause()
    this.#socket?.destroy()
    await this.#done
  }

  #open(): Promise<RespSocket> {
    const { settings, limits, now } = this.#parts
    return RespSocket.open(settings, limits.replyBytes, now)
  }

  async #keepConnected(): Promise<void> {
    const { logger, random } = this.#parts
    let pauseMs = FIRST_PAUSE_MS
    let failures = 0
    while (!this.#isStopped) {
      try {
        const opened = await this.#open()
        if (this.#isStopped) {
          opened.destroy()
          return
        }
        this.#use(opened)
        this.#hasTried()
        failures = 0
        logger.info({}, 'redis: connected')
        await opened.stale
        // One that stands but is read-only may be so on purpose: do not knock every 50 ms.
        if (opened.isClosed) pauseMs = FIRST_PAUSE_MS
        else logger.warn({}, 'redis: answers READONLY, connecting anew')
      } catch (error) {
        this.#hasTried()
        failures++
        const reason = error instanceof Error ? error.message : String(error)
        if (isTold(failures)) logger.warn({ reason, failures }, 'redis: not reachable')
      }
      // Without jitter all gateways of a fleet would knock on a restarting server at the same moments.
      if (!this.#isStopped) await this.#pause(pauseMs * (0.5 + random() / 2))
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    }
  }

  #use(opened: RespSocket): void {
    // A stale connection serves on until its successor stands, then finishes what is under way.
    this.#socket?.retire()
    this.#socket = opened
    const forget = (): void => {
      if (this.#socket !== opened) return
      this.#socket = undefined
      if (!this.#isStopped) this.#parts.logger.warn({ reason: opened.failure?.message }, 'redis: connection lost')
    }
    opened.closed.then(forget, forget)
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Answer, Expected } from './answer.ts'
import { connectionLost, type GatewayError, timedOut } from './errors.ts'
import { ReplyReader } from './reply-reader.ts'
import { type Command, encodeCommands, type WireCommands } from './resp.ts'
import type { RedisSettings } from './settings.ts'

/** Commands on the wire, and what to make of their replies. */
export interface Exchange extends Expected {
  wire: WireCommands
}

interface Waiting {
  exchange: Exchange
  startedAt: number
  /** Its request was answered with a time-out; the reply, when it comes, is thrown away. */
  abandoned: boolean
  resolve(answer: Answer): void
  reject(error: Error): void
}

/**
 * One signed-in connection to Redis. Any number of exchanges may be under way: each is written in one piece, and
 * replies come in the order of the commands, so that nothing of one request ever lands inside another, a
 * MULTI … EXEC included.
 *
 * It does not reconnect: when it breaks, everything under way is rejected, and the owner opens another.
 */
export class RespSocket {
  readonly #socket: Socket
  readonly #reader: ReplyReader
  readonly #now: () => number
  readonly #closed: Promise<void>
  readonly #stale: Promise<void>
  #becomeStale: () => void = () => undefined
  #retiring = false
  #queue: Waiting[] = []
  #head = 0
  #outgoing: WireCommands[] = []
  #listener: { expected: Expected; receive(answer: Answer): void } | undefined
  #failure: Error | undefined
  #commands = 0
  #bytes = 0

  private constructor(socket: Socket, replyBytes: number, now: () => number) {
    this.#socket = socket
    this.#now = now
    this.#reader = new ReplyReader(
      () => this.#queue[this.#head]?.exchange ?? this.#listener?.expected,
      (answer) => this.#settle(answer),
      replyBytes,
    )
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (error) => {
      this.#failure ??= error
    })
    this.#stale = new Promise((resolve) => {
      this.#becomeStale = resolve
    })
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#rejectAll()
        this.#becomeStale()
        resolve()
      })
    })
  }

  /**
   * Connects and signs in.
   *
   * @throws when the server is not reachable, refuses the sign-in, or takes longer than `connectTimeoutMs`
   */
  static async open(settings: RedisSettings, replyBytes: number, now: () => number): Promise<RespSocket> {
    const timeout = settings.connectTimeoutMs ?? 5_000
    const tcp = dial(settings)
    const timer = setTimeout(() => tcp.destroy(new Error(`no connection within ${timeout} ms`)), timeout)
    const connection = new RespSocket(tcp, replyBytes, now)
    try {
      await connection.#signIn(settings)
      return connection
    } catch (error) {
      tcp.destroy()
      throw connection.#failure ?? error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves when the connection is gone, for whichever reason. */
  get closed(): Promise<void> {
    return this.#closed
  }

  /**
   * Resolves when another connection should be opened: this one is closed, or the server, a primary until now, answered
   * READONLY. After a failover the address leads to the new primary, but only for new connections.
   */
  get stale(): Promise<void> {
    return this.#stale
  }

  get isClosed(): boolean {
    return this.#socket.destroyed
  }

  /** What broke the connection, if something did. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Commands written whose replies have not come, abandoned ones included. */
  get inFlight(): number {
    return this.#commands
  }

  /** About what those commands hold in memory, in bytes. */
  get inFlightBytes(): number {
    return this.#bytes
  }

  /** For how many milliseconds the oldest of those commands has waited: replies come in their order. */
  get waitingMs(): number {
    const oldest = this.#queue[this.#head]
    return oldest === undefined ? 0 : this.#now() - oldest.startedAt
  }

  /** Sends commands and resolves with their answer; rejects with a {@link GatewayError}. */
  exchange(exchange: Exchange): Promise<Answer> {
    if (this.#socket.destroyed) return Promise.reject(connectionLost())
    return new Promise((resolve, reject) => {
      this.#commands += exchange.replies
      this.#bytes += exchange.wire.length
      this.#queue.push({ exchange, startedAt: this.#now(), abandoned: false, resolve, reject })
      this.#write(exchange.wire)
    })
  }

  /** Sends a command that is answered again and again: SUBSCRIBE, MONITOR. Each reply is handed over as plain JSON. */
  listen(command: Command, receive: (answer: Answer) => void): void {
    this.#listener = { expected: { form: 'one', base64: false, replies: 1 }, receive }
    this.#write(encodeCommands([command]))
  }

  /**
   * Rejects what has waited for longer than `timeoutMs`. A server that has not answered for twice as long is given up
   * and the connection closed: TCP alone would notice a vanished host only after minutes.
   */
  expire(timeoutMs: number): void {
    const now = this.#now()
    for (let i = this.#head; i < this.#queue.length; i++) {
      const waiting = this.#queue[i]!
      const waited = now - waiting.startedAt
      if (waited < timeoutMs) return
      if (!waiting.abandoned) {
        waiting.abandoned = true
        waiting.reject(timedOut(timeoutMs))
      } else if (waited > 2 * timeoutMs) {
        this.#socket.destroy(new Error(`no reply for ${Math.round(waited)} ms`))
        return
      }
    }
  }

  /** Closes the connection once everything under way is answered. */
  retire(): void {
    this.#retiring = true
    if (this.#commands === 0) this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Many requests are parsed in one turn of the event loop: their commands leave in one system call. */
  #write(wire: WireCommands): void {
    if (this.#outgoing.push(wire) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const outgoing = this.#outgoing
    this.#outgoing = []
    if (this.#socket.destroyed) return
    if (outgoing.every((wire) => typeof wire === 'string')) {
      this.#socket.write(outgoing.length === 1 ? outgoing[0]! : outgoing.join(''))
      return
    }
    this.#socket.cork()
    for (const wire of outgoing) this.#socket.write(wire)
    this.#socket.uncork()
  }

  #receive(chunk: Buffer): void {
    try {
      this.#reader.push(chunk)
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #settle(answer: Answer): void {
    const waiting = this.#queue[this.#head]
    if (waiting === undefined) {
      this.#listener?.receive(answer)
      return
    }
    this.#head++
    this.#commands -= waiting.exchange.replies
    this.#bytes -= waiting.exchange.wire.length
    if (answer.failed > 0 && answer.body.includes('"error":"READONLY ')) this.#becomeStale()
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head > 1024) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    if (!waiting.abandoned) waiting.resolve(answer)
    if (this.#retiring && this.#commands === 0) this.#socket.destroy()
  }

  #rejectAll(): void {
    const waiting = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    this.#commands = 0
    this.#bytes = 0
    this.#listener = undefined
    const error: GatewayError = connectionLost()
    for (const { abandoned, reject } of waiting) if (!abandoned) reject(error)
  }

  async #signIn(settings: RedisSettings): Promise<void> {
    const { username, password, db } = credentials(settings)
    const commands: string[][] = [['CLIENT', 'SETNAME', settings.connectionName ?? 'upstash-gateway']]
    if (password !== undefined) commands.unshift(username ? ['AUTH', username, password] : ['AUTH', password])
    if (db > 0) commands.push(['SELECT', String(db)])
    // A server that still loads its data set answers LOADING: it is away until it can serve.
    commands.push(['PING'])
    const wire = encodeCommands(commands)
    const { body } = await this.exchange({ wire, form: 'pipeline', base64: false, replies: commands.length })
    const replies = JSON.parse(body.toString()) as { error?: string }[]
    for (const [i, { error }] of replies.entries()) {
      // The name is a courtesy to whoever reads CLIENT LIST; a server without CLIENT is as good.
      if (error !== undefined && commands[i]?.[0] !== 'CLIENT') throw new Error(`${commands[i]?.[0]}: ${error}`)
    }
  }
}

/** Opens the TCP, TLS or Unix socket that the URL names. */
function dial(settings: RedisSettings): Socket {
  const url = new URL(settings.url)
  if (url.protocol === 'unix:') return connectTcp({ path: decodeURIComponent(url.pathname) })
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:')
    throw new TypeError(`not a Redis URL: ${url.protocol} (redis://, rediss:// or unix:// is expected)`)
  const host = url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1'
  const port = Number(url.port || 6379)
  // Commands are batched before they are written: Nagle's delay could only hold them up.
  const socket = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }
  if (url.protocol === 'redis:') return connectTcp(socket)
  return connectTls({ ...socket, ...(isIP(host) ? {} : { servername: host }), ...settings.tls })
}

function credentials(settings: RedisSettings): { username?: string; password?: string; db: number } {
  const url = new URL(settings.url)
  const username = settings.username ?? decodeURIComponent(url.username)
  const password = settings.password ?? (url.password ? decodeURIComponent(url.password) : undefined)
  const inPath = url.protocol === 'unix:' ? (url.searchParams.get('db') ?? '') : url.pathname.slice(1)
  const db = settings.db ?? Number(inPath || 0)
  if (!Number.isInteger(db) || db < 0) throw new TypeError(`not a database number: ${inPath}`)
  return { ...(username ? { username } : {}), ...(password === undefined ? {} : { password }), db }
}

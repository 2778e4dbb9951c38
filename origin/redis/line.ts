/**
 * A connection for long pipelines, beside the one that ioredis keeps to the same server. Commands of a pipeline leave as one
 * buffer and share one promise: a fraction of a microsecond of CPU a command, where ioredis, with a command object, a promise and a buffer
 * for each, takes 4 µs. It matters where fan-out sends thousands at a time; all else, and everything while a line is down,
 * goes through ioredis, which also knows which servers there are.
 */
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { type Command, RedisAwayError } from '#core/redis.ts'
import { encodeCommands } from './encode.ts'
import { type Outcome, ReplyParser } from './replies.ts'

export interface LineAddress {
  host: string
  port: number
  username: string | null
  password: string | null
  db: number
  /** Null: without TLS. */
  tls: ConnectionOptions | null
  connectionName: string
  connectTimeoutMs: number
  /** Milliseconds after which a server that is silent, with commands waiting, is gone. */
  silenceMs: number
}

export interface Line {
  /** Whether it can be used now. Asking opens it where it is down, for the next time. */
  isReady(): boolean
  /**
   * Sends commands in one write, and resolves with what each was answered, in order.
   * @throws RedisAwayError when the line broke: what became of the commands is not known
   */
  exchange(commands: readonly Command[]): Promise<Outcome[]>
  close(): Promise<void>
}

/** After a line broke or could not be opened. */
const REOPEN_AFTER_MS = 500

interface Waiting {
  outcomes: Outcome[]
  wanted: number
  resolve(outcomes: Outcome[]): void
  reject(error: Error): void
}

export function openLine(address: LineAddress, now: () => number): Line {
  let current: Connection | null = null
  let retryAt = 0
  let isClosed = false
  const connection = (): Connection | null => {
    if (current?.isOver) {
      current = null
      retryAt = now() + REOPEN_AFTER_MS
    }
    if (current === null && !isClosed && now() >= retryAt) current = new Connection(address)
    return current
  }
  return {
    isReady: () => connection()?.isReady ?? false,
    exchange(commands) {
      const open = connection()
      return open === null ? Promise.reject(new RedisAwayError('the line to redis is down')) : open.exchange(commands)
    },
    async close() {
      isClosed = true
      await current?.close()
    },
  }
}

class Connection {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  readonly #closed: Promise<void>
  isReady = false
  isOver = false
  /** Takes nothing new, and ends with what is under way. */
  #isRetired = false

  constructor(address: LineAddress) {
    const { host, port, tls, connectTimeoutMs, silenceMs } = address
    const to = { host, port, noDelay: true, keepAlive: true }
    this.#socket = tls === null ? connect(to) : connectTls({ ...to, ...tls })
    const replies = new ReplyParser((outcome) => this.#answered(outcome))
    this.#socket.on('data', (chunk) => {
      try {
        replies.push(chunk)
      } catch (error) {
        this.#socket.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
    // What failed is heard by those who wait; where nobody does, ioredis tells of the same outage.
    this.#socket.on('error', () => undefined)
    this.#socket.setTimeout(connectTimeoutMs, () => {
      if (!this.isReady || this.#waiting.length > 0) this.#socket.destroy()
    })
    this.#closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.isReady = false
        this.isOver = true
        for (const { reject } of this.#waiting.splice(0)) reject(new RedisAwayError('the line to redis broke'))
        resolve()
      })
    })
    this.#signIn(address).then(
      () => {
        this.isReady = true
        this.#socket.setTimeout(silenceMs)
      },
      () => this.#socket.destroy(),
    )
  }

  exchange(commands: readonly Command[]): Promise<Outcome[]> {
    if (this.isOver || this.#socket.destroyed) return Promise.reject(new RedisAwayError('the line to redis is down'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ outcomes: [], wanted: commands.length, resolve, reject })
      this.#socket.write(encodeCommands(commands))
    })
  }

  async close(): Promise<void> {
    this.#socket.destroy()
    await this.#closed
  }

  async #signIn({ username, password, db, connectionName }: LineAddress): Promise<void> {
    const commands: Command[] = [
      ...(password === null ? [] : [['AUTH', ...(username === null ? [] : [username]), password]]),
      ...(db === 0 ? [] : [['SELECT', db]]),
      // A server that still loads its data answers LOADING: it cannot be used yet.
      ['PING'],
      // A courtesy to whoever reads CLIENT LIST.
      ['CLIENT', 'SETNAME', connectionName],
    ]
    const outcomes = await this.exchange(commands)
    const refused = outcomes.slice(0, -1).find((outcome) => outcome instanceof Error)
    if (refused !== undefined) throw refused
  }

  #answered(outcome: Outcome): void {
    const first = this.#waiting[0]
    if (first === undefined) {
      this.#socket.destroy()
      return
    }
    first.outcomes.push(outcome)
    // A primary that was made a replica: its successor is found by connecting again.
    if (outcome instanceof Error && outcome.message.startsWith('READONLY')) this.#retire()
    if (first.outcomes.length < first.wanted) return
    this.#waiting.shift()
    first.resolve(first.outcomes)
    if (this.#isRetired && this.#waiting.length === 0) this.#socket.destroy()
  }

  #retire(): void {
    this.#isRetired = true
    this.isReady = false
  }
}

import { Redis, type RedisOptions } from 'ioredis'
import { type Command, RedisAwayError, RedisCommandError, type RedisPort, type Reply } from '#core/redis.ts'

/** A command of a pipeline was answered with an error. The others of the pipeline were executed all the same. */
export class RedisReplyError extends RedisCommandError {
  /** Its place in the pipeline, from 0. */
  readonly index: number

  constructor(command: string, message: string, index: number) {
    super(command, message)
    this.name = 'RedisReplyError'
    this.index = index
  }
}

export interface OriginRedis extends RedisPort {
  /** Resolves once the server has answered for the first time. */
  ready(): Promise<void>
  close(): Promise<void>
}

export interface RedisPortOptions {
  /** Longest wait for all replies of one pipeline, in ms. */
  commandTimeoutMs?: number
  connectTimeoutMs?: number
  /** What `CLIENT LIST` shows. */
  connectionName?: string
  /** Told about lost connections and failed attempts; ioredis retries by itself. */
  onError?: (error: Error) => void
}

/**
 * The origin's client of core's {@link RedisPort}: one connection, kept open by ioredis.
 *
 * Nothing is queued while the server is away, and nothing is sent twice: a command whose connection breaks is rejected
 * with {@link RedisAwayError}, and whether it was executed is unknown.
 *
 * @param url `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS
 */
export function createRedisPort(url: string, options: RedisPortOptions = {}): OriginRedis {
  const timeoutMs = options.commandTimeoutMs ?? 2_000
  const redis = new Redis(url, connectionOptions(options, timeoutMs))
  redis.on('error', (error: Error) => options.onError?.(error))

  return {
    ready: () =>
      redis.status === 'ready' ? Promise.resolve() : new Promise((resolve) => redis.once('ready', () => resolve())),
    async pipeline(commands) {
      if (commands.length === 0) return []
      if (redis.status !== 'ready') throw new RedisAwayError(`redis is ${redis.status}`)
      const settled = await withinTime(Promise.allSettled(send(redis, commands)), timeoutMs)
      return settled.map((outcome, index) => {
        if (outcome.status === 'fulfilled') return outcome.value as Reply
        throw commandError(outcome.reason, commands[index]!, index)
      })
    },
    async close() {
      redis.disconnect()
      // Not ioredis' own `end`: it is not emitted when the client was between two attempts to reconnect.
      const { stream } = redis
      if (stream !== undefined && !stream.closed)
        await new Promise<void>((resolve) => stream.once('close', () => resolve()))
    },
  }
}

function connectionOptions(options: RedisPortOptions, timeoutMs: number) {
  return {
    // RESP2: replies in core are its terms, HGETALL a flat list.
    protocol: 2,
    disableClientInfo: true,
    connectionName: options.connectionName ?? 'tideline-origin',
    connectTimeout: options.connectTimeoutMs ?? 5_000,
    // A server that is silent for that long with commands waiting is gone, whatever TCP still believes.
    socketTimeout: 2 * timeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 2_000),
    // A primary that was made a replica keeps its clients: they find the new primary only by connecting again.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions
}

/**
 * Sends commands so that they leave in one write. Corking the socket around single calls costs 2 µs a command on
 * Node 24, ioredis' own pipeline 5 µs: it matters where fan-out sends a thousand at a time.
 */
function send(redis: Redis, commands: readonly Command[]): Promise<unknown>[] {
  redis.stream.cork()
  try {
    return commands.map((command) => redis.call(String(command[0]), ...command.slice(1)))
  } finally {
    redis.stream.uncork()
  }
}

/** One timer a pipeline; ioredis' own option would start one a command. */
async function withinTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RedisAwayError(`redis did not answer within ${milliseconds} ms`)), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function commandError(reason: unknown, command: Command, index: number): Error {
  const error = reason instanceof Error ? reason : new Error(String(reason))
  if (error.name === 'ReplyError') return new RedisReplyError(String(command[0]), error.message, index)
  return new RedisAwayError(error.message, { cause: error })
}

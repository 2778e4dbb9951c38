/** What the ports of one server and of a cluster have in common: how commands leave, how long they wait, how they fail. */
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Redis, RedisOptions } from 'ioredis'
import { type Command, isAwayReply, RedisAwayError, RedisCommandError, type Reply } from '#core/redis.ts'
import { spansSlots } from '#core/redis-slots.ts'
import type { LineAddress } from './line.ts'
import type { Outcome } from './replies.ts'

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

export interface RedisPortOptions {
  /** Longest wait for all replies of one pipeline, in ms. */
  commandTimeoutMs?: number
  connectTimeoutMs?: number
  /** What `CLIENT LIST` shows. */
  connectionName?: string
  /** PEM of the authority behind the servers' certificates, where Node does not know it. Only with `rediss://`. */
  ca?: string
  /** Told about lost connections and failed attempts; ioredis retries by itself. */
  onError?: (error: Error) => void
}

export const COMMAND_TIMEOUT_MS = 2_000

/** From so many commands for one server on, a pipeline goes over its line. */
export const LINE_FROM = 16

/** Of each connection, whether to one server or to a node of a cluster. */
export function connectionOptions(options: RedisPortOptions) {
  return {
    // RESP2: replies in core are its terms, HGETALL a flat list.
    protocol: 2,
    disableClientInfo: true,
    connectionName: options.connectionName ?? 'tideline-origin',
    connectTimeout: options.connectTimeoutMs ?? 5_000,
    // A server that is silent for that long with commands waiting is gone, whatever TCP still believes.
    socketTimeout: 2 * (options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS),
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A primary that was made a replica keeps its clients: they find the new primary only by connecting again.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions
}

/** TLS to a host: its name is told to the server, which may hold several certificates; an address is no name there. */
export const tlsTo = (host: string | null, { ca }: RedisPortOptions): ConnectionOptions => ({
  ...(host === null || isIP(host) ? {} : { servername: host }),
  ...(ca === undefined ? {} : { ca }),
})

/** Where a line goes: the same server, user and database as a connection of ioredis. */
export function lineAddress({ options }: Redis, port: RedisPortOptions): LineAddress {
  return {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 6_379,
    username: options.username ?? null,
    password: options.password ?? null,
    db: options.db ?? 0,
    tls: options.tls ? tlsTo(options.host ?? null, port) : null,
    connectionName: options.connectionName ?? '',
    connectTimeoutMs: options.connectTimeout ?? 5_000,
    silenceMs: options.socketTimeout ?? 2 * COMMAND_TIMEOUT_MS,
  }
}

/** Sends one command on a connection, whatever the others do. */
export const call = (redis: Pick<Redis, 'call'>, command: Command): Promise<unknown> =>
  redis.call(String(command[0]), ...command.slice(1))

/**
 * Sends commands so that they leave in one write. Corking the socket around single calls costs half of what ioredis' own
 * pipeline does.
 */
export function callAll(redis: Redis, commands: readonly Command[]): Promise<unknown>[] {
  redis.stream.cork()
  try {
    return commands.map((command) => call(redis, command))
  } finally {
    redis.stream.uncork()
  }
}

/**
 * One timer a pipeline; ioredis' own option would start one a command. What is late goes on, and nobody hears of it.
 * @throws RedisAwayError when the time is over
 */
export async function withinTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
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

/** What ioredis' promises come to. */
export async function outcomesOf(sent: readonly Promise<unknown>[]): Promise<Outcome[]> {
  return (await Promise.allSettled(sent)).map((settled) => {
    if (settled.status === 'fulfilled') return settled.value as Reply
    const reason: unknown = settled.reason
    // An answer is an error of that name; all others say that none came.
    if (reason instanceof Error && reason.name === 'ReplyError') return reason
    return new RedisAwayError(reason instanceof Error ? reason.message : String(reason), { cause: reason })
  })
}

/** @throws RedisAwayError for the first command that was not answered, RedisReplyError for the first that was refused */
export function repliesOf(commands: readonly Command[], outcomes: readonly Outcome[]): Reply[] {
  return outcomes.map((outcome, index) => {
    if (!(outcome instanceof Error)) return outcome
    throw commandError(outcome, commands[index]!, index)
  })
}

function commandError(error: Error, command: Command, index: number): Error {
  if (error instanceof RedisAwayError) return error
  if (isAwayReply(error.message)) return new RedisAwayError(error.message, { cause: error })
  return new RedisReplyError(String(command[0]), error.message, index)
}

/**
 * On a single server, too: what works on the engine of a laptop has to work on a cluster.
 * @throws RedisReplyError before anything is sent
 */
export function refuseSpanning(commands: readonly Command[]): void {
  const index = commands.findIndex(spansSlots)
  if (index >= 0) throw spanning(commands[index]!, index)
}

export const spanning = (command: Command, index: number): RedisReplyError =>
  new RedisReplyError(
    String(command[0]),
    'its keys lie in several slots of a cluster; give them one hash tag, or send a command for each',
    index,
  )

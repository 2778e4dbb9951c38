/** What the ports of one server and of a cluster have in common: how commands leave, how long they wait, how they fail. */
import type { Redis, RedisOptions } from 'ioredis'
import { type Command, isAwayReply, RedisAwayError, RedisCommandError, type Reply } from '#core/redis.ts'
import { spansSlots } from '#core/redis-slots.ts'

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
  /** Told about lost connections and failed attempts; ioredis retries by itself. */
  onError?: (error: Error) => void
}

export const COMMAND_TIMEOUT_MS = 2_000

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

/** Sends one command on a connection, whatever the others do. */
export const call = (redis: Pick<Redis, 'call'>, command: Command): Promise<unknown> =>
  redis.call(String(command[0]), ...command.slice(1))

/**
 * Sends commands so that they leave in one write. Corking the socket around single calls costs 2 µs a command on
 * Node 24, ioredis' own pipeline 5 µs: it matters where fan-out sends a thousand at a time.
 */
export function callAll(redis: Redis, commands: readonly Command[]): Promise<unknown>[] {
  redis.stream.cork()
  try {
    return commands.map((command) => call(redis, command))
  } finally {
    redis.stream.uncork()
  }
}

/** One timer a pipeline; ioredis' own option would start one a command. */
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

/** @throws RedisAwayError for the first command that was not answered, RedisReplyError for the first that was refused */
export function repliesOf(commands: readonly Command[], settled: readonly PromiseSettledResult<unknown>[]): Reply[] {
  return settled.map((outcome, index) => {
    if (outcome.status === 'fulfilled') return outcome.value as Reply
    throw commandError(outcome.reason, commands[index]!, index)
  })
}

function commandError(reason: unknown, command: Command, index: number): Error {
  const error = reason instanceof Error ? reason : new Error(String(reason))
  if (error.name !== 'ReplyError' || isAwayReply(error.message))
    return new RedisAwayError(error.message, { cause: error })
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

/**
 * Redis as data: core builds command lists and reads replies; a port of one method carries them.
 * The Workers carry them with @upstash/redis, the origin with ioredis, so every key, TTL and trim rule exists once.
 */

/** One Redis command: its name and arguments, as they go over the wire. */
export type Command = readonly (string | number)[]

/** One reply in RESP2 terms. Integers are numbers, bulk strings and statuses strings, a missing value is null. */
export type Reply = string | number | null | readonly Reply[]

export interface RedisPort {
  /**
   * Sends the commands in one round trip and answers their replies in order. Not a transaction.
   * @throws RedisCommandError for the first command that the server refused
   * @throws RedisAwayError when the server did not answer in time
   */
  pipeline(commands: readonly Command[]): Promise<Reply[]>
}

/** The server answered one command with an error: a fault of ours, not an outage. */
export class RedisCommandError extends Error {
  readonly command: string
  constructor(command: string, message: string) {
    super(`${command}: ${message}`)
    this.name = 'RedisCommandError'
    this.command = command
  }
}

/** The server did not answer within the budget, or not at all. Readers fall back, writers queue. */
export class RedisAwayError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RedisAwayError'
  }
}

/**
 * Whether an error that a server answered tells of an outage rather than of the command: it loads, fails over, is a replica
 * now, is full or held up by a script. Nothing was executed.
 */
export function isAwayReply(message: string): boolean {
  return /^(LOADING|CLUSTERDOWN|MASTERDOWN|READONLY|TRYAGAIN|OOM|BUSY)\b/.test(message)
}

/** A reply that should be a list of strings; null (no such key) reads as empty. */
export function strings(reply: Reply | undefined): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}

/** A reply of member, score, member, score … as pairs, in the order received. */
export function scored(reply: Reply | undefined): [member: string, score: number][] {
  if (!Array.isArray(reply)) return []
  const pairs: [string, number][] = []
  for (let i = 0; i + 1 < reply.length; i += 2) pairs.push([String(reply[i]), Number(reply[i + 1])])
  return pairs
}

/** A reply that should be one integer; null reads as zero. */
export function integer(reply: Reply | undefined): number {
  return reply === null || reply === undefined ? 0 : Number(reply)
}

/** A reply of HGETALL as an object; null when the hash does not exist. */
export function hash(reply: Reply | undefined): Record<string, string> | null {
  if (!Array.isArray(reply) || reply.length === 0) return null
  const fields: Record<string, string> = {}
  for (let i = 0; i + 1 < reply.length; i += 2) fields[String(reply[i])] = String(reply[i + 1])
  return fields
}

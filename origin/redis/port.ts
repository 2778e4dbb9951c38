import type { RedisPort } from '#core/redis.ts'

/** One server, or one master of a cluster. Its `pipeline` goes there and nowhere else. */
export interface RedisMaster extends RedisPort {
  /** For logs: `host:port`. */
  readonly name: string
  /** A slot of a cluster that is this master's: a key in it lies there. Null on a single server. */
  readonly slot: number | null
}

export interface OriginRedis extends RedisPort {
  /** Resolves once the server has answered for the first time. */
  ready(): Promise<void>
  /** All that hold keys, for what concerns each of them: SCAN, INFO, PING. One that is away is among them. */
  masters(): readonly RedisMaster[]
  close(): Promise<void>
}

import type { Answer, AnswerForm } from './answer.ts'
import type { DedicatedConnection } from './connection.ts'
import { type Command, encodeCommands } from './resp.ts'
import type { Exchange } from './resp-socket.ts'

/** What a client asked for, to be executed as it stands. */
export interface RedisRequest {
  /** Without MULTI and EXEC, which `form: 'transaction'` stands for. */
  commands: readonly Command[]
  form: AnswerForm
  base64: boolean
  /** Commands of a pipeline that are not among `commands`, by their place in it, with the error to put there. */
  refused?: ReadonlyMap<number, string>
}

/** What the gateway needs of the Redis behind it, be it a server or a cluster. */
export interface RedisBackend {
  readonly ready: boolean
  /** Ready, and not silent: in a cluster, as long as one master is both. */
  readonly answers: boolean
  /** Commands sent and not answered. */
  readonly inFlight: number
  /**
   * @throws {GatewayError} 503 when Redis is away or too much waits already (nothing was sent), 502 when the
   *   connection broke on the way, 504 when the answer took too long, 400 when no node could execute all of it
   */
  run(request: RedisRequest): Promise<Answer>
  /**
   * Opens a connection that belongs to one request or stream, to the server that these commands are for.
   * @throws {GatewayError} 503 when Redis is away
   */
  dedicated(commands: readonly Command[]): Promise<DedicatedConnection>
  close(): Promise<void>
}

/** A request as one server takes it. */
export function exchangeOf({ commands, form, base64, refused }: RedisRequest): Exchange {
  const all = form === 'transaction' ? [['MULTI'], ...commands, ['EXEC']] : commands
  const exchange: Exchange = { wire: encodeCommands(all), form, base64, replies: all.length }
  if (refused !== undefined) exchange.refused = refused
  return exchange
}

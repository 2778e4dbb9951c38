/** A failure of the gateway itself, not a reply of Redis. `status` is what the HTTP client gets. */
export class GatewayError extends Error {
  override name = 'GatewayError'
  readonly status: number
  /** Seconds for the Retry-After header, where trying again soon makes sense. */
  readonly retryAfterSeconds: number | undefined

  constructor(status: number, message: string, retryAfterSeconds?: number) {
    super(message)
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The request is not one that can be sent to Redis. */
export const badRequest = (message: string): GatewayError => new GatewayError(400, message)

/** Nothing was sent: the commands had no effect and may be tried again. */
export const redisAway = (): GatewayError =>
  new GatewayError(503, 'ERR Redis is not reachable, nothing was executed', 1)

/** Nothing was sent: too much is waiting for Redis already. */
export const tooBusy = (what: string): GatewayError => new GatewayError(503, `ERR too many ${what}, try again`, 1)

/** The connection broke with the commands on their way: they may or may not have had an effect. */
export const connectionLost = (): GatewayError =>
  new GatewayError(502, 'ERR connection to Redis was lost, commands may have been executed')

/** Redis did not answer in time: the commands may still have an effect. */
export const timedOut = (milliseconds: number): GatewayError =>
  new GatewayError(504, `ERR Redis did not answer within ${milliseconds} ms, commands may have been executed`)

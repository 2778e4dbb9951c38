/** What the driver's errors mean to us: not now, or nobody knows; and which statements are tried again. */
import { errors, policies, types } from 'cassandra-driver'

const { responseErrorCodes: codes } = types
/** The native protocol's CAS_WRITE_UNKNOWN, which the driver has no name for. */
const CAS_WRITE_UNKNOWN = 0x17_00

/** No node took the request, or a node says that it cannot serve it now. */
const REFUSED: readonly number[] = [codes.unavailableException, codes.overloaded, codes.isBootstrapping]
/** A node took it and something went wrong behind: it may have been done. */
const UNDECIDED: readonly number[] = [
  codes.serverError,
  codes.writeTimeout,
  codes.readTimeout,
  codes.readFailure,
  codes.writeFailure,
  CAS_WRITE_UNKNOWN,
]

const hasCode = (error: unknown, wanted: readonly number[]) =>
  error instanceof errors.ResponseError && wanted.includes(error.code)

/** Whether a conditional write may have applied although its answer did not come. */
export function isUndecided(error: unknown): boolean {
  return error instanceof errors.OperationTimedOutError || isSocketError(error) || hasCode(error, UNDECIDED)
}

/** Whether the cluster cannot do this now, but may in a moment. */
export function isAway(error: unknown): boolean {
  return (
    isUndecided(error) ||
    hasCode(error, REFUSED) ||
    error instanceof errors.NoHostAvailableError ||
    error instanceof errors.BusyConnectionError ||
    // What the driver throws where a statement would be prepared and the only host has just gone.
    (error instanceof Error && error.message === 'No connection available')
  )
}

const isSocketError = (error: unknown) =>
  error instanceof Error && 'isSocketError' in error && error.isSocketError === true

const MAX_RETRIES = 2

/**
 * Retries, at the statement's own consistency. The driver asks about writes only where they are marked as idempotent; a
 * read timeout comes of reads.
 */
export class RetryIdempotent extends policies.retry.RetryPolicy {
  override onReadTimeout(info: policies.retry.OperationInfo, consistency: types.consistencies) {
    return this.#again(info, consistency, true)
  }

  override onWriteTimeout(info: policies.retry.OperationInfo, consistency: types.consistencies) {
    return this.#again(info, consistency, true)
  }

  override onRequestError(info: policies.retry.OperationInfo, consistency: types.consistencies) {
    return this.#again(info, consistency, false)
  }

  override onUnavailable(info: policies.retry.OperationInfo, consistency: types.consistencies) {
    return this.#again(info, consistency, false)
  }

  #again(info: policies.retry.OperationInfo, consistency: types.consistencies, onSameHost: boolean) {
    return info.nbRetry < MAX_RETRIES ? this.retryResult(consistency, onSameHost) : this.rethrowResult()
  }
}

/** The object store refused, or did not answer. */
export class ObjectStoreError extends Error {
  /** S3's error code; `Unreachable` when no answer came, `Unknown` when it named none, `MalformedReply` when it was not S3's. */
  readonly code: string
  /** HTTP status; 0 when no answer came. */
  readonly status: number

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ObjectStoreError'
    this.code = code
    this.status = status
  }

  /** Whether the same call may succeed later: nothing was wrong with the request itself. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.code === 'MalformedReply'
  }
}

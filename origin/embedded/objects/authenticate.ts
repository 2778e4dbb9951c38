import { S3Error } from './errors.ts'
import { headerValue, queryValue, type S3Request } from './request.ts'
import { credentialScope, equalsInConstantTime, requestSignature, type SigningScope, signingKey } from './signature.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** How far a client's clock may be off, in milliseconds (the same 15 minutes as S3). */
const MAX_SKEW_MS = 15 * 60_000
/** Longest life of a presigned URL in seconds: seven days, because a signing key lives no longer. */
const MAX_EXPIRES_SECONDS = 604_800

/** What the signature says about the body; `receive` holds the body to it. */
export interface PayloadClaim {
  /** UNSIGNED-PAYLOAD, a SHA-256 in hex, or one of the STREAMING-… names of aws-chunked. */
  readonly hash: string
  /** The request's own signature: the first link of the chain of chunk signatures. */
  readonly seed: string
  readonly key: Buffer
  readonly scope: SigningScope
}

interface Claim {
  accessKeyId: string
  scope: SigningScope
  credentialScope: string
  signedHeaders: string[]
  signature: string
  payloadHash: string
}

/**
 * Checks a request's SigV4 signature, in the Authorization header or in the query of a presigned URL.
 * @param now epoch milliseconds
 * @returns what was signed about the body, or undefined for a request without any signature
 * @throws S3Error AccessDenied, SignatureDoesNotMatch, RequestTimeTooSkewed, InvalidAccessKeyId, …
 * @see AWS Signature Version 4: "Authenticating Requests: Using the Authorization Header", "… Using Query Parameters"
 */
export function authenticate(
  request: S3Request,
  credentials: Credentials,
  region: string,
  now: number,
): PayloadClaim | undefined {
  const header = headerValue(request, 'authorization')
  const presigned = queryValue(request, 'X-Amz-Algorithm') !== undefined
  if (header === undefined && !presigned) return undefined
  if (header !== undefined && presigned) {
    throw new S3Error('InvalidArgument', 'Only one way of authentication is allowed: a header or a query.')
  }
  const claim = header === undefined ? readQueryClaim(request, now) : readHeaderClaim(request, header, now)
  if (!equalsInConstantTime(claim.accessKeyId, credentials.accessKeyId)) {
    throw new S3Error('InvalidAccessKeyId', 'The access key id that you provided does not exist here.')
  }
  if (claim.credentialScope !== credentialScope({ ...claim.scope, region })) throw malformed(presigned, region)
  requireSignedHeaders(request, claim.signedHeaders)
  const key = signingKey(credentials.secretAccessKey, claim.scope)
  const expected = requestSignature(request, claim.signedHeaders, claim.payloadHash, claim.scope, key)
  if (!equalsInConstantTime(claim.signature, expected)) {
    throw new S3Error('SignatureDoesNotMatch', 'The signature that we calculated does not match the one you provided.')
  }
  if (presigned) requireUnexpired(request, claim.scope, now)
  return { hash: claim.payloadHash, seed: claim.signature, key, scope: claim.scope }
}

function readHeaderClaim(request: S3Request, header: string, now: number): Claim {
  const match =
    /^AWS4-HMAC-SHA256\s+Credential=([^\s,]+)\s*,\s*SignedHeaders=([^\s,]+)\s*,\s*Signature=([0-9a-f]{64})$/.exec(
      header,
    )
  if (!match) throw new S3Error('AuthorizationHeaderMalformed', 'The Authorization header is not of the SigV4 form.')
  const dateTime = headerValue(request, 'x-amz-date') ?? httpDateToBasic(headerValue(request, 'date'))
  const signedAt = parseDateTime(dateTime)
  if (Math.abs(signedAt - now) > MAX_SKEW_MS) {
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    )
  }
  const payloadHash = headerValue(request, 'x-amz-content-sha256')
  if (payloadHash === undefined) throw new S3Error('InvalidRequest', 'The x-amz-content-sha256 header is missing.')
  return claimOf(match[1] ?? '', match[2] ?? '', match[3] ?? '', dateTime, payloadHash)
}

function readQueryClaim(request: S3Request, now: number): Claim {
  const read = (name: string): string => {
    const value = queryValue(request, name)
    if (!value) throw new S3Error('AuthorizationQueryParametersError', `Query parameter ${name} is missing.`)
    return value
  }
  if (read('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new S3Error('AuthorizationQueryParametersError', 'X-Amz-Algorithm only supports AWS4-HMAC-SHA256.')
  }
  const dateTime = read('X-Amz-Date')
  if (parseDateTime(dateTime) - now > MAX_SKEW_MS) throw new S3Error('AccessDenied', 'Request is not yet valid.')
  const signedHeaders = read('X-Amz-SignedHeaders')
  const hashIsSigned = signedHeaders.split(';').includes('x-amz-content-sha256')
  const payloadHash = hashIsSigned
    ? headerValue(request, 'x-amz-content-sha256')
    : queryValue(request, 'X-Amz-Content-Sha256')
  return claimOf(
    read('X-Amz-Credential'),
    signedHeaders,
    read('X-Amz-Signature'),
    dateTime,
    payloadHash ?? 'UNSIGNED-PAYLOAD',
  )
}

function claimOf(credential: string, headers: string, signature: string, dateTime: string, payloadHash: string): Claim {
  const slash = credential.indexOf('/')
  const scope = credential.slice(slash + 1)
  return {
    accessKeyId: credential.slice(0, Math.max(slash, 0)),
    scope: { dateTime, region: scope.split('/')[1] ?? '' },
    credentialScope: scope,
    signedHeaders: headers.toLowerCase().split(';'),
    signature,
    payloadHash,
  }
}

/** An x-amz-* header that the signature does not cover could be added by whoever holds a presigned URL. */
function requireSignedHeaders(request: S3Request, signedHeaders: readonly string[]): void {
  const unsigned = Object.keys(request.raw.headersDistinct).filter(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !signedHeaders.includes(name),
  )
  if (!signedHeaders.includes('host')) unsigned.push('host')
  if (unsigned.length > 0) {
    throw new S3Error(
      'AccessDenied',
      `There were headers present in the request which were not signed: ${unsigned.join(', ')}`,
    )
  }
}

function requireUnexpired(request: S3Request, scope: SigningScope, now: number): void {
  const text = queryValue(request, 'X-Amz-Expires') ?? ''
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (seconds < 1 || seconds > MAX_EXPIRES_SECONDS) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      `X-Amz-Expires must be between 1 and ${MAX_EXPIRES_SECONDS}.`,
    )
  }
  if (now > parseDateTime(scope.dateTime) + seconds * 1000) throw new S3Error('AccessDenied', 'Request has expired.')
}

/** @returns epoch milliseconds of 20260131T101500Z */
function parseDateTime(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  const millis = match
    ? Date.UTC(+match[1]!, +match[2]! - 1, +match[3]!, +match[4]!, +match[5]!, +match[6]!)
    : Number.NaN
  if (Number.isNaN(millis)) throw new S3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date.')
  return millis
}

function httpDateToBasic(text: string | undefined): string {
  const millis = Date.parse(text ?? '')
  return Number.isNaN(millis) ? '' : new Date(millis).toISOString().replace(/[:-]|\.\d{3}/g, '')
}

function malformed(presigned: boolean, region: string): S3Error {
  const code = presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed'
  return new S3Error(
    code,
    `The credential must be <key id>/<date>/${region}/s3/aws4_request, its date that of the request.`,
  )
}

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { S3Request } from './request.ts'

/** What a signature is bound to beside the request: day, region, and the moment of signing. */
export interface SigningScope {
  /** 20260131T101500Z */
  readonly dateTime: string
  readonly region: string
}

/**
 * The key that a day's requests to one region are signed with (AWS Signature Version 4, "Derive a signing key").
 */
export function signingKey(secretAccessKey: string, scope: SigningScope): Buffer {
  const day = hmac(`AWS4${secretAccessKey}`, scope.dateTime.slice(0, 8))
  return hmac(hmac(hmac(day, scope.region), 's3'), 'aws4_request')
}

/** 20260131/us-east-1/s3/aws4_request */
export function credentialScope(scope: SigningScope): string {
  return `${scope.dateTime.slice(0, 8)}/${scope.region}/s3/aws4_request`
}

/**
 * The signature, in hex, that a request must carry.
 * @param signedHeaders lower-case names in the order in which the client listed them
 * @param payloadHash the value of x-amz-content-sha256, or UNSIGNED-PAYLOAD
 */
export function requestSignature(
  request: S3Request,
  signedHeaders: readonly string[],
  payloadHash: string,
  scope: SigningScope,
  key: Buffer,
): string {
  const canonical = canonicalRequest(request, signedHeaders, payloadHash)
  return sign(key, ['AWS4-HMAC-SHA256', scope.dateTime, credentialScope(scope), sha256Hex(canonical)])
}

/** HMAC over the lines of a string to sign, in hex. */
export function sign(key: Buffer, lines: readonly string[]): string {
  return hmac(key, lines.join('\n')).toString('hex')
}

/** Compares two texts without telling by its duration where they differ. */
export function equalsInConstantTime(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest())
}

export function sha256Hex(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

/** S3's form: the path is encoded once and not normalised ("a//b" and "a/../b" are keys of their own). */
function canonicalRequest(request: S3Request, signedHeaders: readonly string[], payloadHash: string): string {
  const path = request.path.split('/').map(encode).join('/')
  const query = request.query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, av], [b, bv]) => (a < b ? -1 : a > b ? 1 : av < bv ? -1 : av > bv ? 1 : 0))
    .map((pair) => pair.join('='))
    .join('&')
  const headers = signedHeaders.map((name) => `${name}:${canonicalHeader(request, name)}\n`).join('')
  return [request.method, path, query, headers, signedHeaders.join(';'), payloadHash].join('\n')
}

function canonicalHeader(request: S3Request, name: string): string {
  const values = request.raw.headersDistinct[name] ?? []
  return values.map((value) => value.trim().replace(/\s+/g, ' ')).join(',')
}

/** RFC 3986: all but unreserved characters, which encodeURIComponent leaves five too many of. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

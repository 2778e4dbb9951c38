import type { ServerResponse } from 'node:http'
import type { PayloadClaim } from './authenticate.ts'
import type { Buckets } from './buckets.ts'
import type { S3Request } from './request.ts'
import { renderXml, type XmlContent } from './xml.ts'

export interface Limits {
  /** Most bytes of an object put in one piece, or of one part. S3: 5 GiB. */
  readonly maxPutBytes: number
  /** Least bytes of every part but the last. S3: 5 MiB. */
  readonly minPartBytes: number
  /** Most bytes of x-amz-meta-* names and values. S3: 2 KiB. */
  readonly maxMetadataBytes: number
  /** Unfinished multipart uploads older than this are removed, in milliseconds. */
  readonly staleUploadMs: number
}

/** An authenticated request on its way to its operation. */
export interface Call {
  readonly request: S3Request
  readonly response: ServerResponse
  readonly claim: PayloadClaim
  readonly buckets: Buckets
  readonly limits: Limits
  readonly region: string
  /** Epoch milliseconds. */
  readonly now: number
}

export type Operation = (call: Call) => Promise<void>

export function sendXml({ response }: Call, root: string, content: XmlContent, status = 200): void {
  const body = renderXml(root, content)
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

export function sendEmpty({ response }: Call, status: number, headers: Readonly<Record<string, string>> = {}): void {
  // 204 and 304 have no length; everything else says that nothing follows.
  response.writeHead(status, status === 204 || status === 304 ? headers : { ...headers, 'content-length': 0 })
  response.end()
}

export function isoTime(millis: number): string {
  return new Date(millis).toISOString()
}

import type { ServerResponse } from 'node:http'
import { headerValue, type S3Request } from './request.ts'

const EXPOSED =
  'ETag, Content-Range, Content-Length, Last-Modified, x-amz-request-id, x-amz-checksum-sha256, x-amz-checksum-crc32'

/**
 * Lets pages of the allowed origins read the answer. Set on errors too: a browser hides the status otherwise.
 * @param origins exact origins, or `*`; no credentials mode, because signatures travel in the URL
 */
export function allowOrigin(request: S3Request, response: ServerResponse, origins: readonly string[]): boolean {
  const origin = headerValue(request, 'origin')
  if (origin === undefined) return false
  const isAny = origins.includes('*')
  if (!isAny) response.setHeader('vary', 'Origin')
  if (!isAny && !origins.includes(origin)) return false
  response.setHeader('access-control-allow-origin', isAny ? '*' : origin)
  response.setHeader('access-control-expose-headers', EXPOSED)
  return true
}

/** Answers a preflight (Fetch standard, "CORS-preflight request"); 403 for other origins, as S3 does. */
export function answerPreflight(request: S3Request, response: ServerResponse, origins: readonly string[]): void {
  const isAllowed = allowOrigin(request, response, origins)
  if (isAllowed) {
    response.setHeader('access-control-allow-methods', 'GET, HEAD, PUT, POST, DELETE')
    response.setHeader('access-control-allow-headers', headerValue(request, 'access-control-request-headers') ?? '*')
    response.setHeader('access-control-max-age', '3600')
  }
  response.writeHead(isAllowed ? 200 : 403, { 'content-length': 0 })
  response.end()
}

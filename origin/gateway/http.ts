import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** The body is longer than the gateway accepts: answer 413. */
export class BodyTooLargeError extends Error {
  override name = 'BodyTooLargeError'
  readonly limitBytes: number

  constructor(limitBytes: number) {
    super(`request body is longer than ${limitBytes} bytes`)
    this.limitBytes = limitBytes
  }
}

/** The client went away before its body was complete: there is nobody to answer. */
export class BodyAbortedError extends Error {
  override name = 'BodyAbortedError'
}

/**
 * Reads a whole request body into memory.
 *
 * A body that is too long is rejected as soon as its length is known, from `Content-Length` or from the bytes received;
 * the rest is drained and thrown away, so that the connection can carry the 413 and be used again.
 *
 * @param limitBytes longest accepted body, in bytes
 * @throws {BodyTooLargeError} when the body is longer than `limitBytes`
 * @throws {BodyAbortedError} when the client closes the connection half way
 */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
      request.resume()
      reject(new BodyTooLargeError(limitBytes))
      return
    }
    // Nearly every body arrives in one chunk: it is handed on without a copy.
    let first: Buffer | undefined
    let more: Buffer[] | undefined
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > limitBytes) {
        first = undefined
        more = undefined
        reject(new BodyTooLargeError(limitBytes))
      } else if (first === undefined) first = chunk
      else if (more === undefined) more = [first, chunk]
      else more.push(chunk)
    })
    request.on('end', () => {
      resolve(more !== undefined ? Buffer.concat(more, length) : (first ?? Buffer.alloc(0)))
    })
    request.on('error', () => reject(new BodyAbortedError('request aborted')))
    request.on('close', () => {
      if (!request.complete) reject(new BodyAbortedError('request aborted'))
    })
  })
}

/**
 * Answers a request with JSON. Does nothing when the client is gone or has been answered.
 *
 * @param body a value to serialise
 */
export function sendJson(res: ServerResponse, status: number, body: unknown, headers?: OutgoingHttpHeaders): void {
  sendJsonText(res, status, JSON.stringify(body), headers)
}

/** As {@link sendJson}, with text that is JSON already. */
export function sendJsonText(res: ServerResponse, status: number, text: string, headers?: OutgoingHttpHeaders): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  res.end(text)
}

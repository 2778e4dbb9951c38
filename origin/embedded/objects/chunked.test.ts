import { createHash, createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { AwsV4Signer } from 'aws4fetch'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CREDENTIALS, errorCode, startTestServer, type TestServer } from './test-server.ts'

let s3: TestServer

beforeAll(async () => {
  s3 = await startTestServer()
})

afterAll(async () => {
  expect(s3.errors).toEqual([])
  await s3.stop()
})

const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
const hash = (data: string): string => createHash('sha256').update(data).digest('hex')

interface Streaming {
  payload: string
  chunks: string[]
  trailer?: [name: string, value: string]
  /** Changes the body after it was signed. */
  tamper?: (body: string) => string
  length?: number
}

/** An upload as the AWS SDKs stream it, built from the specification and not from the server's own code. */
async function putStreaming({
  payload,
  chunks,
  trailer,
  tamper = (body) => body,
  length,
}: Streaming): Promise<Response> {
  const datetime = new Date(s3.now()).toISOString().replace(/[:-]|\.\d{3}/g, '')
  const headers: Record<string, string> = {
    'x-amz-content-sha256': payload,
    'x-amz-decoded-content-length': String(length ?? chunks.join('').length),
    'content-encoding': 'aws-chunked,gzip',
  }
  if (trailer) headers['x-amz-trailer'] = trailer[0]
  const url = `${s3.server.endpoint}/media/streamed`
  const signer = new AwsV4Signer({
    ...CREDENTIALS,
    service: 's3',
    region: 'us-east-1',
    method: 'PUT',
    url,
    headers,
    datetime,
  })
  const signed = await signer.sign()
  let previous = /Signature=(\w+)/.exec(signed.headers.get('authorization') ?? '')?.[1] ?? ''
  const scope = `${datetime.slice(0, 8)}/us-east-1/s3/aws4_request`
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${CREDENTIALS.secretAccessKey}`)
  const sign = (lines: string[]): string => {
    previous = hmac(key as Buffer, lines.join('\n')).toString('hex')
    return previous
  }
  const isSigned = payload.startsWith('STREAMING-AWS4')
  const chunkSignature = (chunk: string): string =>
    isSigned
      ? `;chunk-signature=${sign(['AWS4-HMAC-SHA256-PAYLOAD', datetime, scope, previous, hash(''), hash(chunk)])}`
      : ''
  let body = ''
  for (const chunk of chunks) body += `${chunk.length.toString(16)}${chunkSignature(chunk)}\r\n${chunk}\r\n`
  body += `0${chunkSignature('')}\r\n`
  if (trailer) {
    const line = trailer.join(':')
    body += `${line}\r\n`
    const lines = ['AWS4-HMAC-SHA256-TRAILER', datetime, scope, previous, hash(`${line}\n`)]
    if (isSigned) body += `x-amz-trailer-signature:${sign(lines)}\r\n`
  }
  return fetch(signed.url, { method: 'PUT', headers: signed.headers, body: tamper(`${body}\r\n`) })
}

const crc = (text: string): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(text))
  return bytes.toString('base64')
}

const chunks = ['a'.repeat(70_000), 'b\r\n0\r\n', 'c']

test.each([
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
])('%s is unwrapped, and aws-chunked is no encoding of the object', async (payload) => {
  const trailer = payload.endsWith('TRAILER')
    ? (['x-amz-checksum-crc32', crc(chunks.join(''))] as [string, string])
    : null
  const response = await putStreaming({ payload, chunks, ...(trailer && { trailer }) })
  expect(response.status, await response.text()).toBe(200)
  const head = await s3.send('HEAD', '/media/streamed')
  expect(head.headers.get('content-encoding')).toBe('gzip')
  expect(head.headers.get('etag')).toBe(`"${createHash('md5').update(chunks.join('')).digest('hex')}"`)
})

test('changed chunks, changed trailers and wrong lengths are refused', async () => {
  const signed = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
  const trailer: [string, string] = ['x-amz-checksum-crc32', crc(chunks.join(''))]
  const bad: [string, Streaming][] = [
    ['SignatureDoesNotMatch', { payload: signed, chunks, tamper: (body) => body.replace('\r\nc\r\n', '\r\nd\r\n') }],
    [
      'SignatureDoesNotMatch',
      { payload: signed, chunks, tamper: (body) => body.replace(/(chunk-signature=)\w/, '$1z') },
    ],
    [
      'SignatureDoesNotMatch',
      { payload: `${signed}-TRAILER`, chunks, trailer, tamper: (body) => body.replace('crc32:', 'crc32: x') },
    ],
    [
      'BadDigest',
      { payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', chunks, trailer: ['x-amz-checksum-crc32', 'AAAAAA=='] },
    ],
    ['IncompleteBody', { payload: signed, chunks, length: 10 }],
    ['IncompleteBody', { payload: signed, chunks, length: 80_000 }],
    ['IncompleteBody', { payload: signed, chunks, tamper: (body) => body.slice(0, 1000) }],
  ]
  for (const [code, streaming] of bad) expect(await errorCode(await putStreaming(streaming))).toBe(code)
})

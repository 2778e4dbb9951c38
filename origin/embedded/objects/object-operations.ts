import { pipeline } from 'node:stream/promises'
import { type ReceivedBody, receiveBody } from './body.ts'
import type { ObjectMeta } from './bucket.ts'
import { type Call, isoTime, sendEmpty, sendXml } from './call.ts'
import { type ByteRange, isNotModified, requestedRange, requireCopySource, writePrecondition } from './conditions.ts'
import { S3Error } from './errors.ts'
import type { OpenRecord } from './record.ts'
import { decode, headerValue, queryValue } from './request.ts'

const STORED_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]

export async function putObject(call: Call): Promise<void> {
  const { request, response, claim, buckets, limits, now } = call
  const { bucket } = buckets.get(request.bucket)
  const headers = objectHeaders(call)
  const precondition = writePrecondition(request)
  const staged = await bucket.stage()
  try {
    const body = await receiveBody(request, response, claim, staged.handle, limits.maxPutBytes)
    await bucket.put(staged, { key: request.key, ...describe(body), lastModified: now, headers }, precondition)
    sendEmpty(call, 200, { etag: `"${body.md5}"`, ...checksumHeaders(body.checksums) })
  } finally {
    await staged.discard()
  }
}

export async function getObject(call: Call): Promise<void> {
  const { request, response, buckets } = call
  const record = await buckets.get(request.bucket).bucket.read(request.key)
  if (!record) throw noSuchKey()
  try {
    const { meta } = record
    const headers = readHeaders(call, meta)
    if (isNotModified(request, meta)) return sendEmpty(call, 304, validators(headers))
    const range = requestedRange(request, meta)
    const length = range ? range.end - range.start + 1 : meta.size
    if (range) headers['content-range'] = `bytes ${range.start}-${range.end}/${meta.size}`
    response.writeHead(range ? 206 : 200, { ...headers, 'content-length': length })
    if (request.method === 'HEAD' || length === 0) response.end()
    else await sendBody(record, range ?? { start: 0, end: meta.size - 1 }, call)
  } finally {
    await record.handle.close()
  }
}

export async function deleteObject(call: Call): Promise<void> {
  const { request, buckets } = call
  await buckets.get(request.bucket).bucket.delete(request.key, writePrecondition(request))
  sendEmpty(call, 204)
}

/** @see Amazon S3 API reference, CopyObject */
export async function copyObject(call: Call): Promise<void> {
  const { request, buckets, limits, now } = call
  const source = copySource(headerValue(request, 'x-amz-copy-source') ?? '')
  const isReplacing = headerValue(request, 'x-amz-metadata-directive') === 'REPLACE'
  if (!isReplacing && source.bucket === request.bucket && source.key === request.key) {
    throw new S3Error('InvalidRequest', 'A copy onto itself must replace the metadata.')
  }
  const target = buckets.get(request.bucket).bucket
  const record = await buckets.get(source.bucket).bucket.read(source.key)
  if (!record) throw noSuchKey()
  const staged = await target.stage()
  try {
    const { meta } = record
    requireCopySource(request, meta)
    if (meta.size > limits.maxPutBytes)
      throw new S3Error('InvalidRequest', 'The source is too large to be copied at once.')
    if (meta.size > 0) {
      await staged.handle.writeFile(record.handle.createReadStream({ start: 0, end: meta.size - 1, autoClose: false }))
    }
    const { uploadId: _, ...copied } = meta
    const headers = isReplacing ? objectHeaders(call) : meta.headers
    await target.put(staged, { ...copied, key: request.key, lastModified: now, headers }, writePrecondition(request))
    sendXml(call, 'CopyObjectResult', [
      ['LastModified', isoTime(now)],
      ['ETag', `"${meta.etag}"`],
    ])
  } finally {
    await record.handle.close()
    await staged.discard()
  }
}

/**
 * The headers that an object keeps: what describes its content, and x-amz-meta-*.
 * @throws S3Error MetadataTooLarge
 */
export function objectHeaders({ request, limits }: Call): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'binary/octet-stream' }
  for (const name of STORED_HEADERS) {
    const value = headerValue(request, name)
    if (value !== undefined) headers[name] = value
  }
  // aws-chunked is how the body travelled, not what it is.
  const encodings = headers['content-encoding']?.split(',').map((encoding) => encoding.trim())
  const encoding = encodings?.filter((name) => name !== 'aws-chunked').join(', ')
  delete headers['content-encoding']
  if (encoding) headers['content-encoding'] = encoding
  let metadataBytes = 0
  const names = [...Object.keys(request.raw.headersDistinct), ...request.query.map(([name]) => name.toLowerCase())]
  for (const name of new Set(names.filter((candidate) => candidate.startsWith('x-amz-meta-')))) {
    const value = headerValue(request, name) ?? ''
    headers[name] = value
    metadataBytes += name.length - 'x-amz-meta-'.length + value.length
  }
  if (metadataBytes > limits.maxMetadataBytes) {
    throw new S3Error('MetadataTooLarge', `Metadata may have ${limits.maxMetadataBytes} bytes at most.`)
  }
  return headers
}

export function checksumHeaders(checksums: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(checksums).map(([name, value]) => [`x-amz-checksum-${name}`, value]))
}

function describe(body: ReceivedBody): Pick<ObjectMeta, 'size' | 'etag' | 'checksums'> {
  return { size: body.size, etag: body.md5, checksums: body.checksums }
}

function readHeaders({ request }: Call, meta: ObjectMeta): Record<string, string> {
  const headers: Record<string, string> = {
    ...meta.headers,
    etag: `"${meta.etag}"`,
    'last-modified': new Date(meta.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
    // What people upload must not be sniffed into something that runs.
    'x-content-type-options': 'nosniff',
  }
  for (const name of STORED_HEADERS) {
    const override = queryValue(request, `response-${name}`)
    if (override !== undefined) headers[name] = override
  }
  if (headerValue(request, 'x-amz-checksum-mode') === 'ENABLED') Object.assign(headers, checksumHeaders(meta.checksums))
  return headers
}

/** What a 304 repeats (RFC 9110 §15.4.5). */
function validators(headers: Record<string, string>): Record<string, string> {
  const kept = ['etag', 'last-modified', 'cache-control', 'expires']
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.includes(name)))
}

async function sendBody(record: OpenRecord<ObjectMeta>, range: ByteRange, { response }: Call): Promise<void> {
  await pipeline(record.handle.createReadStream({ ...range, autoClose: false }), response)
}

function copySource(header: string): { bucket: string; key: string } {
  const [path = '', version] = header.replace(/^\//, '').split('?')
  const decoded = decode(path)
  const slash = decoded.indexOf('/')
  if (version !== undefined) throw new S3Error('NotImplemented', 'Versions are not implemented.')
  if (slash < 1 || slash === decoded.length - 1) {
    throw new S3Error('InvalidArgument', 'x-amz-copy-source must be of the form /bucket/key.')
  }
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1) }
}

function noSuchKey(): S3Error {
  return new S3Error('NoSuchKey', 'The specified key does not exist.')
}

import { createHash } from 'node:crypto'
import type { Document } from '@xmldom/xmldom'
import { connect, putHeaders, type S3ObjectsOptions } from './connection.ts'
import { ObjectStoreError } from './errors.ts'
import { presigning } from './presigning.ts'
import { bareEtag, elements, elementText, readXml, urlDecoded, xmlOf, xmlText } from './replies.ts'
import { multipart } from './s3-multipart.ts'
import { refusal, type StoreRequest } from './signed-fetch.ts'
import type { ObjectInfo, ObjectPage, ObjectStore, StoredObject } from './store.ts'

/** Most keys that one DeleteObjects takes. */
const DELETE_BATCH = 1000

/**
 * An object store over S3's protocol, path-style: the embedded one, R2, S3, MinIO, SeaweedFS.
 * No retries: who calls knows what may be repeated (`ObjectStoreError.isTransient`).
 */
export function s3Objects(options: S3ObjectsOptions): ObjectStore {
  const connection = connect(options)
  const { bucketUrl, objectUrl, sendOrThrow, send, timeoutMs } = connection
  const open = async (method: 'GET' | 'HEAD', key: string, range?: string): Promise<Response | undefined> => {
    const headers: Record<string, string> = range === undefined ? {} : { range }
    const response = await send({ method, url: objectUrl(key), headers, timeoutMs })
    if (response.ok) return response
    const error = await refusal(response)
    if (response.status === 404 && error.code !== 'NoSuchBucket') return undefined
    throw error
  }

  return {
    async put(key, body, put) {
      const response = await sendOrThrow({
        method: 'PUT',
        url: objectUrl(key),
        headers: putHeaders(put),
        body: sendable(body),
        timeoutMs,
      })
      await response.body?.cancel()
      return { etag: bareEtag(response.headers.get('etag')) }
    },
    async get(key, range) {
      const response = await open('GET', key, range && `bytes=${range.start}-${range.end ?? ''}`)
      return response && readObject(response)
    },
    async head(key) {
      const response = await open('HEAD', key)
      return response && readInfo(response)
    },
    async delete(keys) {
      // Keys that XML cannot carry go one by one.
      const single = keys.filter((key) => xmlText(key) === undefined)
      const batched = keys.filter((key) => xmlText(key) !== undefined)
      for (let at = 0; at < batched.length; at += DELETE_BATCH) {
        const request = deletion(bucketUrl({ delete: '' }), batched.slice(at, at + DELETE_BATCH))
        await requireAllDeleted(await sendOrThrow({ ...request, timeoutMs }))
      }
      for (const key of single) await sendOrThrow({ method: 'DELETE', url: objectUrl(key), timeoutMs })
    },
    async list(prefix, cursor) {
      const query = { 'list-type': '2', 'encoding-type': 'url', prefix }
      const url = bucketUrl(cursor === undefined ? query : { ...query, 'continuation-token': cursor })
      return readPage(await readXml(await sendOrThrow({ method: 'GET', url, timeoutMs })))
    },
    ...presigning(connection),
    ...multipart(connection),
  }
}

/** fetch takes no views of shared memory; everything else goes out without a copy. */
function sendable(body: Uint8Array | Blob): Uint8Array<ArrayBuffer> | Blob {
  if (body instanceof Blob) return body
  return isUnshared(body) ? body : new Uint8Array(body)
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
}

function readObject(response: Response): StoredObject {
  const body = response.body ?? new Blob([]).stream()
  return { ...readInfo(response), body }
}

function readInfo({ headers }: Response): ObjectInfo {
  const whole = headers.get('content-range')?.split('/')[1] ?? headers.get('content-length')
  return {
    size: Number(whole ?? 0),
    etag: bareEtag(headers.get('etag')),
    contentType: headers.get('content-type') ?? 'binary/octet-stream',
    cacheControl: headers.get('cache-control') ?? undefined,
    lastModified: Date.parse(headers.get('last-modified') ?? '') || 0,
  }
}

function readPage(page: Document): ObjectPage {
  const items = elements(page, 'Contents').map((item) => ({
    key: urlDecoded(elementText(item, 'Key') ?? ''),
    size: Number(elementText(item, 'Size')),
    etag: bareEtag(elementText(item, 'ETag')),
    lastModified: Date.parse(elementText(item, 'LastModified') ?? ''),
  }))
  const isTruncated = elementText(page, 'IsTruncated') === 'true'
  return { items, cursor: isTruncated ? elementText(page, 'NextContinuationToken') : undefined }
}

function deletion(url: string, keys: readonly string[]): Omit<StoreRequest, 'timeoutMs'> {
  const objects = keys.map((key) => `<Object><Key>${xmlText(key) ?? ''}</Key></Object>`).join('')
  const body = `<Delete><Quiet>true</Quiet>${objects}</Delete>`
  const md5 = createHash('md5').update(body).digest('base64')
  return { method: 'POST', url, headers: { 'content-md5': md5, 'content-type': 'application/xml' }, body }
}

/** @throws ObjectStoreError where something was kept, or may have been: some stores answer with nothing at all when all is gone */
async function requireAllDeleted(response: Response): Promise<void> {
  const text = await response.text()
  if (text.trim() === '') return
  const [error] = elements(xmlOf(text, response.status), 'Error')
  if (error === undefined) return
  const code = elementText(error, 'Code') ?? 'Unknown'
  throw new ObjectStoreError(code, response.status, `The object store did not delete: ${code}.`)
}

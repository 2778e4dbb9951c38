import { type Connection, putHeaders } from './connection.ts'
import { presign } from './signed-fetch.ts'
import type { ObjectStore } from './store.ts'

/** Requests signed for others to send. Nothing here talks to the store. */
export function presigning({
  publicUrl,
  signing,
}: Connection): Pick<ObjectStore, 'presignPut' | 'presignGet' | 'presignPart'> {
  return {
    async presignPut({ key, contentLength, checksumSha256, expiresSeconds, ...put }) {
      const headers = { ...putHeaders(put), 'content-length': byteCount(contentLength) }
      const checked = checksumSha256 === undefined ? headers : { ...headers, 'x-amz-checksum-sha256': checksumSha256 }
      return presign('PUT', publicUrl(key), checked, expiresSeconds, signing)
    },
    async presignGet({ key, expiresSeconds, contentDisposition }) {
      const query = contentDisposition === undefined ? {} : { 'response-content-disposition': contentDisposition }
      return presign('GET', publicUrl(key, query), {}, expiresSeconds, signing)
    },
    async presignPart({ key, uploadId, partNumber, contentLength, expiresSeconds }) {
      const url = publicUrl(key, { partNumber: String(partNumber), uploadId })
      return presign('PUT', url, { 'content-length': byteCount(contentLength) }, expiresSeconds, signing)
    },
  }
}

function byteCount(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('contentLength must be a whole number of bytes.')
  return String(value)
}

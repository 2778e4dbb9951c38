import { type Connection, putHeaders } from './connection.ts'
import { ObjectStoreError } from './errors.ts'
import { bareEtag, elements, elementText, parseXml, readXml, xmlText } from './replies.ts'
import { refusal } from './signed-fetch.ts'
import type { ObjectStore, UploadRef } from './store.ts'

/** S3 puts the parts together while the caller waits: some minutes for an upload of many gigabytes. */
const COMPLETE_MS = 300_000

type MultipartMethods = Pick<ObjectStore, 'createMultipart' | 'listParts' | 'completeMultipart' | 'abortMultipart'>

/** Uploads in parts; the parts themselves are sent by clients, through presigned requests. */
export function multipart({ send, sendOrThrow, objectUrl, timeoutMs }: Connection): MultipartMethods {
  return {
    async createMultipart({ key, ...put }) {
      const request = {
        method: 'POST',
        url: objectUrl(key, { uploads: '' }),
        headers: putHeaders(put),
        timeoutMs,
      } as const
      const uploadId = elementText(await readXml(await sendOrThrow(request)), 'UploadId')
      if (!uploadId) throw new ObjectStoreError('Unknown', 200, 'The object store gave no upload id.')
      return { uploadId }
    },
    async listParts({ key, uploadId }) {
      const parts = []
      for (let marker: string | undefined = '0'; marker !== undefined; ) {
        const url = objectUrl(key, { uploadId, 'part-number-marker': marker })
        const response = await send({ method: 'GET', url, timeoutMs })
        if (!response.ok) return whenUploadIsGone(await refusal(response), undefined)
        const page = await readXml(response)
        for (const part of elements(page, 'Part')) {
          const partNumber = Number(elementText(part, 'PartNumber'))
          parts.push({ partNumber, size: Number(elementText(part, 'Size')), etag: bareEtag(elementText(part, 'ETag')) })
        }
        marker = elementText(page, 'IsTruncated') === 'true' ? elementText(page, 'NextPartNumberMarker') : undefined
      }
      return parts
    },
    async completeMultipart({ key, uploadId, parts }) {
      const sorted = [...parts].sort((a, b) => a.partNumber - b.partNumber)
      const lines = sorted.map(
        ({ partNumber, etag }) =>
          `<Part><PartNumber>${partNumber}</PartNumber><ETag>"${xmlText(bareEtag(etag)) ?? ''}"</ETag></Part>`,
      )
      const body = `<CompleteMultipartUpload>${lines.join('')}</CompleteMultipartUpload>`
      const response = await sendOrThrow({
        method: 'POST',
        url: objectUrl(key, { uploadId }),
        body,
        timeoutMs: COMPLETE_MS,
      })
      // A store may begin its answer with 200 and fail afterwards: then the body says so.
      const reply = parseXml(await response.clone().text())
      const etag = reply && elementText(reply, 'ETag')
      if (etag === undefined) throw await refusal(response)
      return { etag: bareEtag(etag) }
    },
    async abortMultipart({ key, uploadId }: UploadRef) {
      const response = await send({ method: 'DELETE', url: objectUrl(key, { uploadId }), timeoutMs })
      if (!response.ok) whenUploadIsGone(await refusal(response), undefined)
    },
  }
}

function whenUploadIsGone<T>(error: ObjectStoreError, value: T): T {
  if (error.code === 'NoSuchUpload') return value
  throw error
}

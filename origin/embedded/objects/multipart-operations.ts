import { receiveBody, receiveText } from './body.ts'
import { type Call, isoTime, sendEmpty, sendXml } from './call.ts'
import { writePrecondition } from './conditions.ts'
import { S3Error } from './errors.ts'
import { compareUtf8 } from './key-index.ts'
import { checksumHeaders, objectHeaders } from './object-operations.ts'
import { queryInteger, queryValue } from './request.ts'
import { type ChosenPart, MAX_PART_NUMBER, type Upload } from './uploads.ts'
import { childText, parseXml, type XmlNode } from './xml.ts'

export async function createMultipartUpload(call: Call): Promise<void> {
  const { request, buckets, now } = call
  const { uploads } = buckets.get(request.bucket)
  const upload = await uploads.create({ key: request.key, initiated: now, headers: objectHeaders(call) })
  sendXml(call, 'InitiateMultipartUploadResult', [
    ['Bucket', request.bucket],
    ['Key', request.key],
    ['UploadId', upload.uploadId],
  ])
}

export async function uploadPart(call: Call): Promise<void> {
  const { request, response, claim, buckets, limits, now } = call
  const { bucket, uploads } = buckets.get(request.bucket)
  const partNumber = queryInteger(request, 'partNumber', 0, 1, MAX_PART_NUMBER)
  if (partNumber === 0) throw new S3Error('InvalidArgument', 'partNumber is missing.')
  const upload = await uploads.find(request.key, queryValue(request, 'uploadId') ?? '')
  const staged = await bucket.stage()
  try {
    const { size, md5, checksums } = await receiveBody(request, response, claim, staged.handle, limits.maxPutBytes)
    await uploads.putPart(upload, staged, { partNumber, size, etag: md5, lastModified: now, checksums })
    sendEmpty(call, 200, { etag: `"${md5}"`, ...checksumHeaders(checksums) })
  } finally {
    await staged.discard()
  }
}

export async function listParts(call: Call): Promise<void> {
  const { request, buckets } = call
  const { uploads } = buckets.get(request.bucket)
  const upload = await uploads.find(request.key, queryValue(request, 'uploadId') ?? '')
  const marker = queryInteger(request, 'part-number-marker', 0, 0, MAX_PART_NUMBER)
  const limit = Math.min(queryInteger(request, 'max-parts', 1000, 0, 2 ** 31), 1000)
  const after = (await uploads.parts(upload)).filter((part) => part.partNumber > marker)
  const page = after.slice(0, limit)
  const isTruncated = after.length > page.length
  const parts = page.map(
    (part): XmlNode => [
      'Part',
      [
        ['PartNumber', part.partNumber],
        ['LastModified', isoTime(part.lastModified)],
        ['ETag', `"${part.etag}"`],
        ['Size', part.size],
        ...(part.checksums.sha256 ? [['ChecksumSHA256', part.checksums.sha256] as const] : []),
      ],
    ],
  )
  sendXml(call, 'ListPartsResult', [
    ['Bucket', request.bucket],
    ['Key', request.key],
    ['UploadId', upload.uploadId],
    ['PartNumberMarker', marker],
    ...(isTruncated ? [['NextPartNumberMarker', page.at(-1)?.partNumber ?? marker] as const] : []),
    ['MaxParts', limit],
    ['IsTruncated', isTruncated],
    ...parts,
  ])
}

export async function completeMultipartUpload(call: Call): Promise<void> {
  const { request, response, claim, buckets, now } = call
  const { uploads } = buckets.get(request.bucket)
  const chosen = readChosenParts(await receiveText(request, response, claim))
  const uploadId = queryValue(request, 'uploadId') ?? ''
  const meta = await uploads.complete(request.key, uploadId, chosen, now, writePrecondition(request))
  sendXml(call, 'CompleteMultipartUploadResult', [
    ['Location', `/${request.bucket}/${request.key}`],
    ['Bucket', request.bucket],
    ['Key', request.key],
    ['ETag', `"${meta.etag}"`],
  ])
}

export async function abortMultipartUpload(call: Call): Promise<void> {
  const { request, buckets } = call
  const { uploads } = buckets.get(request.bucket)
  await uploads.abort(await uploads.find(request.key, queryValue(request, 'uploadId') ?? ''))
  sendEmpty(call, 204)
}

export async function listMultipartUploads(call: Call): Promise<void> {
  const { request, buckets } = call
  if (queryValue(request, 'delimiter')) throw new S3Error('NotImplemented', 'delimiter is not implemented here.')
  const prefix = queryValue(request, 'prefix') ?? ''
  const keyMarker = queryValue(request, 'key-marker') ?? ''
  const idMarker = queryValue(request, 'upload-id-marker') ?? ''
  const limit = Math.min(queryInteger(request, 'max-uploads', 1000, 0, 2 ** 31), 1000)
  const all = (await buckets.get(request.bucket).uploads.all()).filter((upload) => upload.key.startsWith(prefix))
  const after = all.slice(startAfter(all, keyMarker, idMarker))
  const page = after.slice(0, limit)
  const isTruncated = after.length > page.length
  const last = page.at(-1)
  sendXml(call, 'ListMultipartUploadsResult', [
    ['Bucket', request.bucket],
    ['Prefix', prefix],
    ['KeyMarker', keyMarker],
    ['UploadIdMarker', idMarker],
    ...(isTruncated && last
      ? ([
          ['NextKeyMarker', last.key],
          ['NextUploadIdMarker', last.uploadId],
        ] as const)
      : []),
    ['MaxUploads', limit],
    ['IsTruncated', isTruncated],
    ...page.map(
      ({ key, uploadId, initiated }): XmlNode => [
        'Upload',
        [
          ['Key', key],
          ['UploadId', uploadId],
          ['Initiated', isoTime(initiated)],
        ],
      ],
    ),
  ])
}

/** Without an id the marker skips all uploads of its key; with one, those up to that upload. */
function startAfter(all: readonly Upload[], keyMarker: string, idMarker: string): number {
  if (keyMarker === '') return 0
  const exact = all.findIndex((upload) => upload.key === keyMarker && upload.uploadId === idMarker)
  if (idMarker !== '' && exact >= 0) return exact + 1
  const beyond = all.findIndex((upload) => compareUtf8(upload.key, keyMarker) > 0)
  return beyond < 0 ? all.length : beyond
}

function readChosenParts(body: string): ChosenPart[] {
  const root = parseXml(body)
  const parts = root.children.filter((child) => child.name === 'Part')
  if (root.name !== 'CompleteMultipartUpload' || parts.length === 0 || parts.length > MAX_PART_NUMBER) {
    throw new S3Error('MalformedXML', 'The body must be a CompleteMultipartUpload with 1 to 10,000 parts.')
  }
  return parts.map((part) => {
    const number = childText(part, 'PartNumber')?.trim() ?? ''
    const etag = childText(part, 'ETag')?.trim().replace(/^"|"$/g, '') ?? ''
    if (!/^\d{1,5}$/.test(number)) throw new S3Error('MalformedXML', 'A part has no PartNumber.')
    return { partNumber: Number(number), etag, sha256: childText(part, 'ChecksumSHA256')?.trim() }
  })
}

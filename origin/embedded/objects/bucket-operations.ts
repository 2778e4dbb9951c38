import { receiveText } from './body.ts'
import { type Call, isoTime, sendEmpty, sendXml } from './call.ts'
import { S3Error } from './errors.ts'
import type { ListPage } from './key-index.ts'
import { keyTooLong, queryInteger, queryValue } from './request.ts'
import { childText, parseXml, type XmlNode } from './xml.ts'

export async function listBuckets(call: Call): Promise<void> {
  const buckets = call.buckets.all().map(
    ({ bucket }): XmlNode => [
      'Bucket',
      [
        ['Name', bucket.name],
        ['CreationDate', isoTime(bucket.createdAt)],
      ],
    ],
  )
  sendXml(call, 'ListAllMyBucketsResult', [
    ['Owner', [['ID', 'tideline']]],
    ['Buckets', buckets],
  ])
}

export async function createBucket(call: Call): Promise<void> {
  await call.buckets.create(call.request.bucket)
  sendEmpty(call, 200, { location: `/${call.request.bucket}` })
}

export async function headBucket(call: Call): Promise<void> {
  call.buckets.get(call.request.bucket)
  sendEmpty(call, 200, { 'x-amz-bucket-region': call.region })
}

export async function getBucketLocation(call: Call): Promise<void> {
  call.buckets.get(call.request.bucket)
  sendXml(call, 'LocationConstraint', call.region === 'us-east-1' ? '' : call.region)
}

/** @see Amazon S3 API reference, ListObjectsV2 */
export async function listObjects(call: Call): Promise<void> {
  const { request, buckets } = call
  if (queryValue(request, 'list-type') !== '2') throw new S3Error('NotImplemented', 'Only list-type=2 is implemented.')
  const text = (name: string): string => queryValue(request, name) ?? ''
  const token = text('continuation-token')
  const limit = Math.min(queryInteger(request, 'max-keys', 1000, 0, 2 ** 31), 1000)
  const from = token === '' ? { afterKey: text('start-after'), afterPrefix: '' } : readToken(token)
  const query = { prefix: text('prefix'), delimiter: text('delimiter'), limit, ...from }
  const page = await buckets.get(request.bucket).bucket.list(query)
  const encoding = text('encoding-type')
  if (encoding !== '' && encoding !== 'url') throw new S3Error('InvalidArgument', 'encoding-type must be url.')
  const encode = encoding === 'url' ? urlEncode : (value: string): string => value
  sendXml(call, 'ListBucketResult', [
    ['Name', request.bucket],
    ['Prefix', encode(query.prefix)],
    ...optional('Delimiter', encode(query.delimiter)),
    ...optional('StartAfter', encode(text('start-after'))),
    ...optional('ContinuationToken', token),
    ...optional('EncodingType', encoding),
    ['MaxKeys', limit],
    ['KeyCount', page.objects.length + page.commonPrefixes.length],
    ['IsTruncated', page.next !== undefined],
    ...optional('NextContinuationToken', page.next ? writeToken(page.next) : ''),
    ...page.objects.map((object): XmlNode => ['Contents', contents(object, encode)]),
    ...page.commonPrefixes.map((prefix): XmlNode => ['CommonPrefixes', [['Prefix', encode(prefix)]]]),
  ])
}

/** @see Amazon S3 API reference, DeleteObjects */
export async function deleteObjects(call: Call): Promise<void> {
  const { request, response, claim, buckets } = call
  const { bucket } = buckets.get(request.bucket)
  const isChecked = [...Object.keys(request.raw.headersDistinct)].some(
    (name) => name === 'content-md5' || name.startsWith('x-amz-checksum-'),
  )
  if (!isChecked) throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5.')
  const root = parseXml(await receiveText(request, response, claim))
  const objects = root.children.filter((child) => child.name === 'Object')
  if (root.name !== 'Delete' || objects.length === 0 || objects.length > 1000) {
    throw new S3Error('MalformedXML', 'The body must be a Delete with 1 to 1,000 objects.')
  }
  const results: XmlNode[] = []
  for (const object of objects) {
    const key = childText(object, 'Key') ?? ''
    if (key === '') throw new S3Error('MalformedXML', 'An object has no Key.')
    if (Buffer.byteLength(key) > 1024) throw keyTooLong()
    await bucket.delete(key)
    results.push(['Deleted', [['Key', key]]])
  }
  sendXml(call, 'DeleteResult', childText(root, 'Quiet') === 'true' ? [] : results)
}

function contents(object: ListPage['objects'][number], encode: (value: string) => string): XmlNode[] {
  return [
    ['Key', encode(object.key)],
    ['LastModified', isoTime(object.lastModified)],
    ['ETag', `"${object.etag}"`],
    ['Size', object.size],
    ['StorageClass', 'STANDARD'],
  ]
}

function optional(name: string, value: string): XmlNode[] {
  return value === '' ? [] : [[name, value]]
}

/** Opaque to clients: where the last page ended, a key or a whole common prefix. */
function writeToken(next: NonNullable<ListPage['next']>): string {
  const text = 'afterKey' in next ? `k${next.afterKey}` : `p${next.afterPrefix}`
  return Buffer.from(text).toString('base64url')
}

function readToken(token: string): { afterKey: string; afterPrefix: string } {
  const text = Buffer.from(token, 'base64url').toString('utf8')
  if (/^[kp]./su.test(text) && Buffer.from(text).toString('base64url') === token) {
    return text[0] === 'k' ? { afterKey: text.slice(1), afterPrefix: '' } : { afterKey: '', afterPrefix: text.slice(1) }
  }
  throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect.')
}

function urlEncode(value: string): string {
  return encodeURIComponent(value).replaceAll('%2F', '/')
}

import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

let s3: TestServer

beforeAll(async () => {
  s3 = await startTestServer({ limits: { maxPutBytes: 100_000 } })
  await s3.send('PUT', '/media/ten', { body: '0123456789', headers: { 'content-type': 'text/plain' } })
})

afterAll(async () => {
  expect(s3.errors).toEqual([])
  await s3.stop()
})

const sha256 = (body: string): string => createHash('sha256').update(body).digest('base64')

test.each([
  ['bytes=2-4', '234', 'bytes 2-4/10'],
  ['bytes=7-', '789', 'bytes 7-9/10'],
  ['bytes=-3', '789', 'bytes 7-9/10'],
  ['bytes=-99', '0123456789', 'bytes 0-9/10'],
  ['bytes=8-99', '89', 'bytes 8-9/10'],
])('range %s is answered with 206', async (range, body, contentRange) => {
  const response = await s3.send('GET', '/media/ten', { headers: { range } })
  expect(response.status).toBe(206)
  expect(await response.text()).toBe(body)
  expect(response.headers.get('content-range')).toBe(contentRange)
})

test.each(['bytes=4-2', 'bytes=0-1,3-4', 'items=0-1', 'bytes=-'])('range %s means the whole object', async (range) => {
  const response = await s3.send('GET', '/media/ten', { headers: { range } })
  expect([response.status, await response.text()]).toEqual([200, '0123456789'])
})

test.each(['bytes=10-', 'bytes=-0'])('range %s lies outside: 416', async (range) => {
  const response = await s3.send('GET', '/media/ten', { headers: { range } })
  expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */10'])
  expect(await errorCode(response)).toBe('InvalidRange')
})

test('If-Range falls back to the whole object when it no longer holds', async () => {
  const etag = (await s3.send('HEAD', '/media/ten')).headers.get('etag') ?? ''
  const get = async (ifRange: string): Promise<number> => {
    const response = await s3.send('GET', '/media/ten', { headers: { range: 'bytes=0-0', 'if-range': ifRange } })
    await response.text()
    return response.status
  }
  expect([await get(etag), await get('"other"')]).toEqual([206, 200])
})

test('conditional reads answer 304 and 412 in the order of RFC 9110', async () => {
  const head = await s3.send('HEAD', '/media/ten')
  const etag = head.headers.get('etag') ?? ''
  const modified = head.headers.get('last-modified') ?? ''
  const before = new Date(Date.parse(modified) - 1000).toUTCString()
  const cases: [Record<string, string>, number][] = [
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': `"x", W/${etag}` }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-match': etag }, 200],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-modified-since': modified }, 304],
    [{ 'if-modified-since': before }, 200],
    [{ 'if-unmodified-since': before }, 412],
    [{ 'if-unmodified-since': modified }, 200],
    [{ 'if-none-match': '"x"', 'if-modified-since': modified }, 200],
    [{ 'if-match': etag, 'if-unmodified-since': before }, 200],
  ]
  for (const [headers, status] of cases) {
    const response = await s3.send('GET', '/media/ten', { headers })
    expect(response.status, JSON.stringify(headers)).toBe(status)
    const body = await response.text()
    if (status === 304) expect([body, response.headers.get('etag')]).toEqual(['', etag])
  }
})

test('HEAD tells what GET would, without a body', async () => {
  const head = await s3.send('HEAD', '/media/ten')
  expect(head.headers.get('content-length')).toBe('10')
  expect(await head.text()).toBe('')
  expect((await s3.send('HEAD', '/media/none')).status).toBe(404)
})

test('If-None-Match: * creates once, also when twenty race; If-Match replaces what was read', async () => {
  const create = (): Promise<Response> =>
    s3.send('PUT', '/media/once', { body: 'x', headers: { 'if-none-match': '*' } })
  const statuses = (await Promise.all(Array.from({ length: 20 }, create))).map((response) => response.status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 412)).toHaveLength(19)
  const etag = (await s3.send('HEAD', '/media/once')).headers.get('etag') ?? ''
  const replace = (path: string, ifMatch: string): Promise<Response> =>
    s3.send('PUT', path, { body: 'y', headers: { 'if-match': ifMatch } })
  expect(await errorCode(await replace('/media/once', '"x"'))).toBe('PreconditionFailed')
  expect((await replace('/media/once', etag)).status).toBe(200)
  expect(await errorCode(await replace('/media/nothing', etag))).toBe('NoSuchKey')
})

test('checksums and digests that do not match the body are refused and leave nothing behind', async () => {
  const md5 = createHash('md5').update('other').digest('base64')
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32('abc'))
  const put = (headers: Record<string, string>): Promise<Response> =>
    s3.send('PUT', '/media/sum', { body: 'abc', headers })
  expect(await errorCode(await put({ 'x-amz-checksum-sha256': sha256('other') }))).toBe('BadDigest')
  expect(await errorCode(await put({ 'content-md5': md5 }))).toBe('BadDigest')
  expect(await errorCode(await put({ 'content-md5': 'short' }))).toBe('InvalidDigest')
  expect(await errorCode(await put({ 'x-amz-content-sha256': '0'.repeat(64) }))).toBe('XAmzContentSHA256Mismatch')
  expect(await errorCode(await put({ 'x-amz-checksum-crc32c': 'AAAAAA==' }))).toBe('NotImplemented')
  expect((await s3.send('HEAD', '/media/sum')).status).toBe(404)
  expect((await put({ 'x-amz-checksum-crc32': crc.toString('base64') })).status).toBe(200)
  expect((await put({ 'x-amz-checksum-sha256': sha256('abc') })).status).toBe(200)
  const head = await s3.send('HEAD', '/media/sum', { headers: { 'x-amz-checksum-mode': 'ENABLED' } })
  expect(head.headers.get('x-amz-checksum-sha256')).toBe(sha256('abc'))
  expect(await readdir(join(s3.dir, 'media', 'tmp'))).toEqual([])
})

test('limits: size, metadata, key length', async () => {
  const big = await s3.send('PUT', '/media/big', { body: 'x'.repeat(100_001) })
  expect(await errorCode(big)).toBe('EntityTooLarge')
  const meta = await s3.send('PUT', '/media/m', { body: 'x', headers: { 'x-amz-meta-a': 'x'.repeat(2048) } })
  expect(await errorCode(meta)).toBe('MetadataTooLarge')
  expect((await s3.send('PUT', `/media/${'k'.repeat(1024)}`, { body: 'x' })).status).toBe(200)
  expect(await errorCode(await s3.send('PUT', `/media/${'k'.repeat(1025)}`, { body: 'x' }))).toBe('KeyTooLongError')
})

test('a copy keeps the content, and its headers unless they are replaced', async () => {
  const copy = (target: string, headers: Record<string, string>): Promise<Response> =>
    s3.send('PUT', target, { headers: { 'x-amz-copy-source': '/media/ten', ...headers } })
  expect((await copy('/media/copy', {})).status).toBe(200)
  const copied = await s3.send('GET', '/media/copy')
  expect([await copied.text(), copied.headers.get('content-type')]).toEqual(['0123456789', 'text/plain'])
  expect(await errorCode(await copy('/media/ten', {}))).toBe('InvalidRequest')
  const replaced = await copy('/media/ten', { 'x-amz-metadata-directive': 'REPLACE', 'content-type': 'text/css' })
  expect(replaced.status).toBe(200)
  expect((await s3.send('HEAD', '/media/ten')).headers.get('content-type')).toBe('text/css')
  expect(await errorCode(await copy('/media/c2', { 'x-amz-copy-source-if-match': '"x"' }))).toBe('PreconditionFailed')
  expect(await errorCode(await copy('/media/c2', { 'x-amz-copy-source': '/media/none' }))).toBe('NoSuchKey')
})

test('deletes are idempotent, one by one and many at once', async () => {
  for (const key of ['d1', 'd2', 'd3']) await s3.send('PUT', `/media/${key}`, { body: 'x' })
  expect((await s3.send('DELETE', '/media/d1')).status).toBe(204)
  expect((await s3.send('DELETE', '/media/d1')).status).toBe(204)
  const body = '<Delete><Object><Key>d2</Key></Object><Object><Key>&lt;none&#13;&gt;</Key></Object></Delete>'
  const md5 = createHash('md5').update(body).digest('base64')
  const response = await s3.send('POST', '/media?delete', { body, headers: { 'content-md5': md5 } })
  expect(await response.text()).toContain('<Deleted><Key>&#60;none&#13;&#62;</Key></Deleted>')
  expect((await s3.send('HEAD', '/media/d2')).status).toBe(404)
  expect((await s3.send('HEAD', '/media/d3')).status).toBe(200)
  expect(await errorCode(await s3.send('POST', '/media?delete', { body }))).toBe('InvalidRequest')
})

test('an object that is replaced or deleted while it is read is read to its end', async () => {
  const path = '/media/moving'
  await s3.send('PUT', path, { body: 'a'.repeat(90_000) })
  const reading = await s3.send('GET', path)
  await s3.send('PUT', path, { body: 'b'.repeat(80_000) })
  await s3.send('DELETE', path)
  expect(await reading.text()).toBe('a'.repeat(90_000))
})

test('an upload that its client breaks off leaves nothing behind', async () => {
  const url = await s3.presign('PUT', '/media/broken')
  const tmp = join(s3.dir, 'media', 'tmp')
  const upload = httpRequest(url, { method: 'PUT', headers: { 'content-length': 90_000 } })
  upload.on('error', () => undefined).write('x'.repeat(1000))
  await expect.poll(async () => (await readdir(tmp)).length, { timeout: 5000 }).toBe(1)
  upload.destroy()
  await expect.poll(async () => (await readdir(tmp)).length, { timeout: 5000 }).toBe(0)
  expect((await s3.send('HEAD', '/media/broken')).status).toBe(404)
})

test('a refused upload gets its answer, however much was still to come', async () => {
  const body = new Uint8Array(30_000_000)
  expect(await errorCode(await s3.send('PUT', '/media/huge', { body }))).toBe('EntityTooLarge')
  expect(await errorCode(await fetch(`${s3.server.endpoint}/media/huge`, { method: 'PUT', body }))).toBe('AccessDenied')
})

test('buckets are created, listed and named as in S3', async () => {
  expect((await s3.send('PUT', '/exports')).status).toBe(200)
  expect(await errorCode(await s3.send('PUT', '/exports'))).toBe('BucketAlreadyOwnedByYou')
  for (const name of ['A', 'ab', 'a..b', '-ab', 'x'.repeat(64), '.hidden']) {
    expect(await errorCode(await s3.send('PUT', `/${name}`)), name).toBe('InvalidBucketName')
  }
  expect(await (await s3.send('GET', '/')).text()).toMatch(/<Name>exports<.*<Name>media</s)
  expect((await s3.send('HEAD', '/media')).status).toBe(200)
  expect((await s3.send('HEAD', '/nothing')).status).toBe(404)
  expect(await errorCode(await s3.send('PUT', '/nothing/key', { body: 'x' }))).toBe('NoSuchBucket')
})

test('what is not implemented says so instead of doing something else', async () => {
  for (const path of ['/media/ten?tagging', '/media/ten?acl', '/media?lifecycle', '/media/ten?versionId=1']) {
    expect(await errorCode(await s3.send('PUT', path, { body: '<x/>' })), path).toBe('NotImplemented')
  }
  expect(await (await s3.send('GET', '/media/ten')).text()).toBe('0123456789')
})

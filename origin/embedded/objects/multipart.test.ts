import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

let s3: TestServer
let path: string
let uploadId: string

beforeEach(async () => {
  s3 = await startTestServer({ limits: { minPartBytes: 4, staleUploadMs: 3600_000 } })
  path = '/media/film.mp4'
  uploadId = await create(path, { 'content-type': 'video/mp4' })
})

afterEach(async () => {
  expect(s3.errors).toEqual([])
  await s3.stop()
})

async function create(target: string, headers: Record<string, string> = {}): Promise<string> {
  const xml = await (await s3.send('POST', `${target}?uploads`, { headers })).text()
  return /<UploadId>(.+)<\/UploadId>/.exec(xml)?.[1] ?? ''
}

async function putPart(number: number, body: string): Promise<string> {
  const url = await s3.presign('PUT', `${path}?partNumber=${number}&uploadId=${uploadId}`)
  const response = await fetch(url, { method: 'PUT', body })
  return response.headers.get('etag') ?? errorCode(response)
}

function complete(parts: [number, string][], headers: Record<string, string> = {}): Promise<Response> {
  const lines = parts.map(([n, etag]) => `<Part><ETag>${etag}</ETag><PartNumber>${n}</PartNumber></Part>`)
  const body = `<?xml version="1.0"?><CompleteMultipartUpload xmlns="x">${lines.join('')}</CompleteMultipartUpload>`
  return s3.send('POST', `${path}?uploadId=${uploadId}`, { body, headers })
}

const md5 = (data: string | Buffer): Buffer => createHash('md5').update(data).digest()

test('parts that arrive out of order become one object with the ETag of a multipart upload', async () => {
  const second = await putPart(2, 'tail')
  const first = await putPart(1, 'old first')
  const again = await putPart(1, 'first')
  expect(again).not.toBe(first)
  const listed = await (await s3.send('GET', `${path}?uploadId=${uploadId}`)).text()
  expect(listed).toMatch(/<PartNumber>1<.*<Size>5<.*<PartNumber>2</s)
  const paged = await (await s3.send('GET', `${path}?uploadId=${uploadId}&max-parts=1`)).text()
  expect(paged).toContain('<NextPartNumberMarker>1<')
  expect((await s3.send('HEAD', path)).status).toBe(404)
  const response = await complete([
    [1, again],
    [2, second],
  ])
  const etag = `${md5(Buffer.concat([md5('first'), md5('tail')])).toString('hex')}-2`
  expect(await response.text()).toContain(`<ETag>&#34;${etag}&#34;</ETag>`)
  const got = await s3.send('GET', path)
  expect([await got.text(), got.headers.get('content-type')]).toEqual(['firsttail', 'video/mp4'])
  expect(got.headers.get('etag')).toBe(`"${etag}"`)
  expect(await readdir(join(s3.dir, 'media', 'uploads'))).toEqual([])
})

test('a completion that is repeated is answered again', async () => {
  const parts: [number, string][] = [[1, await putPart(1, 'whole')]]
  const first = await (await complete(parts)).text()
  expect(await (await complete(parts)).text()).toBe(first)
  await s3.send('PUT', path, { body: 'newer' })
  expect(await errorCode(await complete(parts))).toBe('NoSuchUpload')
})

test('completions with wrong parts are refused and may be corrected', async () => {
  const one = await putPart(1, 'abcd')
  const two = await putPart(2, 'ab')
  const three = await putPart(3, 'abc')
  const refused = async (parts: [number, string][]): Promise<string> => errorCode(await complete(parts))
  expect(await refused([[1, two]])).toBe('InvalidPart')
  expect(await refused([[9, one]])).toBe('InvalidPart')
  expect(
    await refused([
      [3, three],
      [1, one],
    ]),
  ).toBe('InvalidPartOrder')
  expect(
    await refused([
      [1, one],
      [2, two],
      [3, three],
    ]),
  ).toBe('EntityTooSmall')
  expect(await refused([])).toBe('MalformedXML')
  expect(
    (
      await complete([
        [1, one],
        [3, three],
      ])
    ).status,
  ).toBe(200)
  expect(await (await s3.send('GET', path)).text()).toBe('abcdabc')
})

test('If-None-Match: * holds at completion', async () => {
  const etag = await putPart(1, 'late')
  await s3.send('PUT', path, { body: 'early' })
  expect(await errorCode(await complete([[1, etag]], { 'if-none-match': '*' }))).toBe('PreconditionFailed')
  expect(await (await s3.send('GET', path)).text()).toBe('early')
})

test('an aborted upload is gone, with its parts', async () => {
  await putPart(1, 'abcd')
  expect((await s3.send('DELETE', `${path}?uploadId=${uploadId}`)).status).toBe(204)
  expect(await errorCode(await s3.send('DELETE', `${path}?uploadId=${uploadId}`))).toBe('NoSuchUpload')
  expect(await putPart(2, 'abcd')).toBe('NoSuchUpload')
  expect(await readdir(join(s3.dir, 'media', 'tmp'))).toEqual([])
})

test('upload ids and part numbers are checked', async () => {
  const send = async (query: string): Promise<string> =>
    errorCode(await s3.send('PUT', `${path}?${query}`, { body: 'abcd' }))
  expect(await send('partNumber=1&uploadId=..%2F..')).toBe('NoSuchUpload')
  expect(await send(`partNumber=0&uploadId=${uploadId}`)).toBe('InvalidArgument')
  expect(await send(`partNumber=10001&uploadId=${uploadId}`)).toBe('InvalidArgument')
  expect(await errorCode(await s3.send('PUT', `/media/other?partNumber=1&uploadId=${uploadId}`, { body: 'x' }))).toBe(
    'NoSuchUpload',
  )
})

test('unfinished uploads are listed by key, in pages, and the stale ones swept', async () => {
  s3.advance(3000_000)
  await create('/media/zoo')
  await create('/media/a%20b')
  const keys = async (query: string): Promise<string[]> => {
    const xml = await (await s3.send('GET', `/media?uploads&${query}`)).text()
    return [...xml.matchAll(/<Upload><Key>(.*?)</g)].map((match) => match[1] ?? '')
  }
  expect(await keys('')).toEqual(['a b', 'film.mp4', 'zoo'])
  expect(await keys('prefix=fi')).toEqual(['film.mp4'])
  expect(await keys('max-uploads=2')).toEqual(['a b', 'film.mp4'])
  expect(await keys('key-marker=film.mp4')).toEqual(['zoo'])
  expect(await keys(`key-marker=film.mp4&upload-id-marker=${uploadId}`)).toEqual(['zoo'])
  s3.advance(1000_000)
  expect(await s3.server.sweep()).toBe(1)
  expect(await keys('')).toEqual(['a b', 'zoo'])
})

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEmbeddedObjects } from '../../origin/embedded/objects/index.ts'
import { type ObjectStore, ObjectStoreError, type PresignedRequest, s3Objects } from '../../origin/objects/index.ts'

/** One server under test, with an empty bucket. */
interface Engine {
  store: ObjectStore
  /** The same server through a store whose clock is off by this many milliseconds. */
  withClock(offsetMs: number): ObjectStore
  stop(): Promise<void>
}

/**
 * Every engine must pass the same suite. The embedded one always runs; another S3 server joins by
 * S3_TEST_ENDPOINT, S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY, S3_TEST_BUCKET (which exists) and S3_TEST_REGION.
 */
const engines: Record<string, () => Promise<Engine>> = { embedded: startEmbedded }
const { S3_TEST_ENDPOINT } = process.env
if (S3_TEST_ENDPOINT) engines[S3_TEST_ENDPOINT] = async () => connect(S3_TEST_ENDPOINT)
else test.skip('an object store: another S3 server (S3_TEST_ENDPOINT names none)', () => {})

async function startEmbedded(): Promise<Engine> {
  const dir = await mkdtemp(join(tmpdir(), 'objects-contract-'))
  const credentials = { accessKeyId: 'contract', secretAccessKey: randomUUID() }
  const logger = { info: () => undefined, error: (fields: object) => console.error(fields) }
  const server = await startEmbeddedObjects({ dir, credentials, buckets: ['media'], logger })
  const open = (clock: () => number): ObjectStore =>
    s3Objects({ endpoint: server.endpoint, bucket: 'media', region: 'us-east-1', credentials, clock })
  return {
    store: open(Date.now),
    withClock: (offset) => open(() => Date.now() + offset),
    async stop() {
      await server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function connect(endpoint: string): Engine {
  const { S3_TEST_ACCESS_KEY = '', S3_TEST_SECRET_KEY = '', S3_TEST_BUCKET = 'media', S3_TEST_REGION } = process.env
  const credentials = { accessKeyId: S3_TEST_ACCESS_KEY, secretAccessKey: S3_TEST_SECRET_KEY }
  const open = (clock: () => number): ObjectStore =>
    s3Objects({ endpoint, bucket: S3_TEST_BUCKET, region: S3_TEST_REGION ?? 'us-east-1', credentials, clock })
  return { store: open(Date.now), withClock: (offset) => open(() => Date.now() + offset), stop: async () => undefined }
}

const TEXT = { contentType: 'text/plain' }
const PART_BYTES = 5 * 1024 * 1024

async function text(
  store: ObjectStore,
  key: string,
  range?: { start: number; end?: number },
): Promise<string | undefined> {
  const object = await store.get(key, range)
  return object && new Response(object.body).text()
}

async function sendTo(presigned: PresignedRequest, body?: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  // A client's HTTP stack sets the length by itself, from the body.
  const { 'content-length': _, ...headers } = presigned.headers
  return fetch(presigned.url, { method: presigned.method, headers, ...(body === undefined ? {} : { body }) })
}

async function statusOf(presigned: PresignedRequest, body?: string | Uint8Array<ArrayBuffer>): Promise<number> {
  const response = await sendTo(presigned, body)
  await response.arrayBuffer()
  return response.status
}

describe.each(Object.entries(engines))('an object store: %s', (_, start) => {
  let engine: Engine
  let store: ObjectStore
  /** Keys of this run lie under a prefix of their own: a shared bucket may hold others. */
  const root = `contract-${randomUUID()}`

  beforeAll(async () => {
    engine = await start()
    store = engine.store
  })

  afterAll(async () => {
    const { items } = await store.list(`${root}/`)
    await store.delete(items.map((item) => item.key))
    await engine.stop()
  })

  test('what is put is got, with its type, size and ETag', async () => {
    const key = `${root}/photo.jpg`
    const { etag } = await store.put(key, Buffer.from('pixels'), {
      contentType: 'image/jpeg',
      cacheControl: 'max-age=9',
    })
    expect(etag).toBe(createHash('md5').update('pixels').digest('hex'))
    const info = await store.head(key)
    expect(info).toMatchObject({ size: 6, etag, contentType: 'image/jpeg', cacheControl: 'max-age=9' })
    expect(Math.abs((info?.lastModified ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(await text(store, key)).toBe('pixels')
    await store.put(key, Buffer.from(''), TEXT)
    expect([await text(store, key), (await store.head(key))?.size]).toEqual(['', 0])
  })

  test('a file on disk is put as a blob', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'objects-blob-'))
    const bytes = randomBytes(300_000)
    await writeFile(join(dir, 'clip'), bytes)
    await store.put(`${root}/clip`, await openAsBlob(join(dir, 'clip')), { contentType: 'video/mp4' })
    const object = await store.get(`${root}/clip`)
    expect(object?.contentType).toBe('video/mp4')
    expect(Buffer.from(await new Response(object?.body).arrayBuffer()).equals(bytes)).toBe(true)
    await rm(dir, { recursive: true })
  })

  test('a range gives its bytes and the size of the whole', async () => {
    const key = `${root}/ranged`
    await store.put(key, Buffer.from('0123456789'), TEXT)
    expect(await text(store, key, { start: 2, end: 4 })).toBe('234')
    expect(await text(store, key, { start: 8 })).toBe('89')
    const object = await store.get(key, { start: 0, end: 0 })
    expect(object?.size).toBe(10)
    await object?.body.cancel()
    await expect(store.get(key, { start: 10 })).rejects.toMatchObject({ status: 416, code: 'InvalidRange' })
  })

  test('what is not there is undefined, and may be deleted', async () => {
    expect(await store.get(`${root}/none`)).toBeUndefined()
    expect(await store.head(`${root}/none`)).toBeUndefined()
    await store.delete([`${root}/none`])
    await store.delete([])
  })

  test('a listing is complete, in the order of UTF-8 bytes, over several pages', { timeout: 60_000 }, async () => {
    const names = Array.from({ length: 1005 }, (_, i) => `n${i}`).concat('é', 'z', '￿', '😀', 'a b+c&d', 'sub/x')
    const keys = names.map((name) => `${root}/list/${name}`)
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, Buffer.from('x'), TEXT)))
    }
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.list(`${root}/list/`, cursor)
      found.push(...page.items.map((item) => item.key))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(found).toEqual(keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    await store.delete(keys)
    expect((await store.list(`${root}/list/`)).items).toEqual([])
  })

  test('keys of any characters round-trip through put, list and delete', async () => {
    const piece = fc.constantFrom(
      'a',
      '/',
      ' ',
      '+',
      '%',
      '%2F',
      '?',
      '#',
      '&',
      '<',
      "'",
      '*',
      '(',
      '~',
      'é',
      'e\u0301',
      '😀',
      '\r',
    )
    const name = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => `x${pieces.join('')}x`)
    // SeaweedFS takes // and \ for /: a key of ours holds neither.
    const keys = name.filter((key) => !key.includes('//')).map((key) => `${root}/any/${key}`)
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        await store.put(key, Buffer.from(key), TEXT)
        expect(await text(store, key)).toBe(key)
        expect((await store.list(key)).items.map((item) => item.key)).toContain(key)
        await store.delete([key])
        expect(await store.head(key)).toBeUndefined()
      }),
      { numRuns: 25 },
    )
  })

  test('keys that a URL or a store cannot carry are refused before anything is sent', async () => {
    for (const key of ['', 'a/../b', '.', 'a/.', '\ud800', 'k'.repeat(1025)]) {
      await expect(store.head(key), key).rejects.toThrow(RangeError)
    }
  })

  test('a presigned PUT takes exactly what was agreed', async () => {
    const key = `${root}/upload.jpg`
    const checksumSha256 = createHash('sha256').update('pixels').digest('base64')
    const upload = { key, contentType: 'image/jpeg', contentLength: 6, checksumSha256, expiresSeconds: 60 }
    const presigned = await store.presignPut(upload)
    expect(presigned.expiresAt).toBeGreaterThan(Date.now() + 50_000)
    expect(
      await statusOf({ ...presigned, headers: { ...presigned.headers, 'content-type': 'text/html' } }, 'pixels'),
    ).toBe(403)
    expect(await statusOf({ ...presigned, url: presigned.url.replace('upload.jpg', 'other.jpg') }, 'pixels')).toBe(403)
    expect(await statusOf(presigned, 'longer than agreed')).toBe(403)
    expect(await statusOf(presigned, 'pixelz')).toBe(400)
    expect(await store.head(key)).toBeUndefined()
    expect(await statusOf(presigned, 'pixels')).toBe(200)
    expect(await store.head(key)).toMatchObject({ size: 6, contentType: 'image/jpeg' })
  })

  test('a presigned GET reads one object, under the name that it was given', async () => {
    await store.put(`${root}/export.zip`, Buffer.from('zip'), TEXT)
    const contentDisposition = 'attachment; filename="my + data.zip"'
    const response = await sendTo(
      await store.presignGet({ key: `${root}/export.zip`, expiresSeconds: 60, contentDisposition }),
    )
    expect(await response.text()).toBe('zip')
    expect(response.headers.get('content-disposition')).toBe(contentDisposition)
  })

  test('presigned requests expire', async () => {
    await store.put(`${root}/old`, Buffer.from('x'), TEXT)
    const past = engine.withClock(-120_000)
    const read = { key: `${root}/old`, expiresSeconds: 60 }
    expect(await statusOf(await past.presignGet(read))).toBe(403)
    expect(await statusOf(await past.presignGet({ ...read, expiresSeconds: 600 }))).toBe(200)
    const upload = { key: `${root}/old`, contentType: 'text/plain', contentLength: 1, expiresSeconds: 60 }
    expect(await statusOf(await past.presignPut(upload), 'y')).toBe(403)
    await expect(async () => store.presignGet({ ...read, expiresSeconds: 604_801 })).rejects.toThrow(RangeError)
  })

  test('a clock that is off by more than 15 minutes is told so', async () => {
    await expect(engine.withClock(-20 * 60_000).list('')).rejects.toMatchObject({
      status: 403,
      code: 'RequestTimeTooSkewed',
    })
  })

  test('a multipart upload: parts in any order, resumed from the list, joined, its type kept', async () => {
    const key = `${root}/film.mp4`
    const { uploadId } = await store.createMultipart({ key, contentType: 'video/mp4', cacheControl: 'max-age=1' })
    const bodies = [randomBytes(PART_BYTES), Buffer.from('tail')] as const
    for (const partNumber of [2, 1] as const) {
      const body = bodies[partNumber - 1] ?? Buffer.alloc(0)
      const part = { key, uploadId, partNumber, contentLength: body.length, expiresSeconds: 60 }
      expect(await statusOf(await store.presignPart(part), 'too short to be this part')).toBe(403)
      expect(await statusOf(await store.presignPart(part), new Uint8Array(body))).toBe(200)
    }
    const parts = (await store.listParts({ key, uploadId })) ?? []
    expect(parts.map(({ partNumber, size }) => [partNumber, size])).toEqual([
      [1, PART_BYTES],
      [2, 4],
    ])
    expect(await store.head(key)).toBeUndefined()
    const wrong = parts.map((part) => ({ ...part, etag: '0'.repeat(32) }))
    await expect(store.completeMultipart({ key, uploadId, parts: wrong })).rejects.toMatchObject({
      code: 'InvalidPart',
    })
    const { etag } = await store.completeMultipart({ key, uploadId, parts: [...parts].reverse() })
    expect(await store.head(key)).toMatchObject({ size: PART_BYTES + 4, contentType: 'video/mp4', etag })
    expect(await text(store, key, { start: PART_BYTES })).toBe('tail')
    expect(await store.listParts({ key, uploadId })).toBeUndefined()
  })

  test('an aborted upload is gone, and may be aborted again', async () => {
    const key = `${root}/aborted`
    const { uploadId } = await store.createMultipart({ key, ...TEXT })
    expect(await store.listParts({ key, uploadId })).toEqual([])
    await store.abortMultipart({ key, uploadId })
    await store.abortMultipart({ key, uploadId })
    expect(await store.listParts({ key, uploadId })).toBeUndefined()
    const part = { key, uploadId, partNumber: 1, contentLength: 1, expiresSeconds: 60 }
    expect(await statusOf(await store.presignPart(part), 'x')).toBe(404)
  })
})

test('a store that does not answer is Unreachable, and worth another try', async () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const away = s3Objects({ endpoint: 'http://127.0.0.1:1', bucket: 'media', region: 'us-east-1', credentials })
  const error = await away.head('x').catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ObjectStoreError)
  expect(error).toMatchObject({ code: 'Unreachable', status: 0, isTransient: true })
})

/** Uploads as the media tier takes them, whole and in parts, on every S3 server: the embedded one, and that of S3_TEST_ENDPOINT. */
import { randomBytes } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIdFactory } from '#core/ids.ts'
import { PART_BYTES } from '../../origin/media/parts.ts'
import { postgresMedia } from '../../origin/media/postgres.ts'
import { mediaService, UPLOAD_SECONDS } from '../../origin/media/service.ts'
import { type ObjectStore, s3Objects } from '../../origin/objects/index.ts'
import { startDatabase, startObjects } from './engines.ts'

interface Engine {
  objects: ObjectStore
  close(): Promise<void>
}

const engines: Record<string, () => Promise<Engine>> = { embedded: startObjects }
const {
  S3_TEST_ENDPOINT: endpoint,
  S3_TEST_BUCKET: bucket = 'media',
  S3_TEST_REGION: region = 'us-east-1',
} = process.env
const { S3_TEST_ACCESS_KEY: accessKeyId = '', S3_TEST_SECRET_KEY: secretAccessKey = '' } = process.env
if (endpoint) {
  const objects = s3Objects({ endpoint, bucket, region, credentials: { accessKeyId, secretAccessKey } })
  engines[endpoint] = async () => ({ objects, close: async () => {} })
} else console.info('uploads: only the embedded engine runs; S3_TEST_ENDPOINT is not set')

const ids = createIdFactory(Date.now, Math.random)

describe.each(Object.entries(engines))('uploads to %s', (_, start) => {
  const user = ids.next(3)
  let now = Date.now()
  let engine: Engine
  let postgres: Awaited<ReturnType<typeof startDatabase>>
  let service: ReturnType<typeof mediaService>
  let picture: Buffer<ArrayBuffer>
  const kept: string[] = []

  beforeAll(async () => {
    ;[engine, postgres] = await Promise.all([start(), startDatabase()])
    service = mediaService({
      store: postgresMedia(postgres.database),
      objects: engine.objects,
      publish: async () => {},
      clock: () => now,
      random: Math.random,
      randomHex: () => randomBytes(16).toString('hex'),
    })
    const create = { width: 40, height: 30, channels: 3, background: '#336699' } as const
    // What comes after a picture's end is of no account to who reads it: two parts, and the last is short.
    picture = Buffer.concat([await sharp({ create }).jpeg().toBuffer(), randomBytes(PART_BYTES)])
  })
  afterAll(async () => {
    await engine.objects.delete(kept)
    await Promise.all([engine.close(), postgres.close()])
  })

  const announce = (bytes: Buffer, multipart = false) =>
    service.create({
      ...{ mediaId: ids.next(3), userId: user, contentType: 'image/jpeg', bytes: bytes.length },
      ...{ sha256: null, alt: '', multipart },
    })
  type Announced = Awaited<ReturnType<typeof announce>>
  const complete = (mediaId: string, parts: { part: number; etag: string }[] | null = null) =>
    service.complete({ mediaId, userId: user, parts }, null)
  async function send({ uploads, partBytes }: Announced, part: number, from = picture) {
    // A client's HTTP stack sets the length by itself, from the body.
    const {
      url,
      headers: { 'content-length': _, ...headers },
    } = uploads[part - 1]!
    const size = partBytes ?? from.length
    const body = from.subarray((part - 1) * size, part * size)
    const answer = await fetch(url, { method: 'PUT', headers, body })
    await answer.arrayBuffer()
    return { status: answer.status, named: { part, etag: answer.headers.get('etag') ?? '' } }
  }

  test('a large one is its parts, in any order, one of them sent twice, and its completion may be repeated', async () => {
    const announced = await announce(picture)
    const { mediaId, key } = announced
    expect([announced.uploads.length, announced.partBytes]).toEqual([2, PART_BYTES])
    const second = await send(announced, 2)
    await expect(complete(mediaId)).rejects.toMatchObject({ status: 409, code: 'not-uploaded' })
    // As a client does whose answer was lost: the same bytes. Of other bytes SeaweedFS may join either copy.
    await send(announced, 1)
    const first = await send(announced, 1)
    const unknown = complete(mediaId, [{ part: 1, etag: '"0123456789abcdef0123456789abcdef"' }, second.named])
    await expect(unknown).rejects.toMatchObject({ status: 409, code: 'part-mismatch' })
    const named = [second.named, first.named]
    const [done, again] = await Promise.all([complete(mediaId, named), complete(mediaId, named)])
    kept.push(done.key)
    expect(done).toMatchObject({ state: 'uploaded', width: 40, height: 30 })
    expect([again, await complete(mediaId, named)]).toEqual([done, done])
    expect(await engine.objects.head(done.key)).toMatchObject({ size: picture.length, contentType: 'image/jpeg' })
    expect(await engine.objects.head(key)).toBeUndefined()
    expect((await send(announced, 1)).status).toBe(404)
  })

  test('a part of another size than was promised is not taken', async () => {
    const announced = await announce(picture)
    expect((await send(announced, 1, picture.subarray(0, 100))).status).toBe(403)
    await send(announced, 2)
    await expect(complete(announced.mediaId)).rejects.toMatchObject({ status: 409, code: 'not-uploaded' })
  })

  test('a small one goes whole, or as a single part when that is asked for', async () => {
    const small = await sharp(picture).jpeg({ quality: 60 }).toBuffer()
    for (const multipart of [false, true]) {
      const announced = await announce(small, multipart)
      expect(announced.partBytes).toBe(multipart ? PART_BYTES : null)
      expect((await send(announced, 1, small)).status).toBe(200)
      const done = await complete(announced.mediaId)
      kept.push(done.key)
      expect(done.state).toBe('uploaded')
    }
  })

  test('one that nobody completes goes, its parts too', async () => {
    const announced = await announce(picture)
    await send(announced, 1)
    now += 2 * UPLOAD_SECONDS * 1_000 + 60_000
    expect(await service.sweep(100)).toBeGreaterThanOrEqual(1)
    expect((await send(announced, 2)).status).toBe(404)
    await expect(complete(announced.mediaId)).rejects.toMatchObject({ status: 422, code: 'never-completed' })
  })
})

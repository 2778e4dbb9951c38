import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { PART_BYTES, partSizes } from './parts.ts'
import { UPLOAD_SECONDS } from './service.ts'
import { jpeg, newId, openStage, type Stage, sha256Of } from './testing.ts'

let stage: Stage
/** Two parts: what comes after a picture's end is of no account to who reads it. */
let large: Uint8Array
beforeAll(async () => {
  stage = await openStage()
  large = new Uint8Array(Buffer.concat([await jpeg(), randomBytes(PART_BYTES)]))
}, 60_000)
afterAll(() => stage.close())
beforeEach(() => stage.begin())

const announce = (bytes = large, sha256: string | null = null, mediaId = newId()) =>
  stage.create(bytes.length, 'image/jpeg', sha256, mediaId)
type Announced = Awaited<ReturnType<typeof announce>>

/** Sends one part as it was announced. @returns as the client would name it */
async function sendPart({ uploads, partBytes }: Announced, part: number, bytes = large) {
  const answer = await stage.send(uploads[part - 1]!, bytes.slice((part - 1) * partBytes!, part * partBytes!))
  expect(answer.status).toBe(200)
  return { part, etag: answer.headers.get('etag')! }
}

const uploadIdOf = async (mediaId: Id) => {
  const { rows } = await stage.pool.query<{ upload_id: string | null }>(
    'select upload_id from media where media_id = $1',
    [mediaId],
  )
  return rows[0]!.upload_id
}

/** What the store has of an upload; undefined when it is gone there. */
const arrived = async ({ mediaId, key }: Announced) =>
  stage.objects.listParts({ key, uploadId: (await uploadIdOf(mediaId))! })

test('a large file comes in parts of which all but the last are full, and is a picture once they are joined', async () => {
  const announced = await announce(large, sha256Of(large))
  expect(announced.partBytes).toBe(PART_BYTES)
  const sizes = announced.uploads.map(({ headers }) => Number(headers['content-length']))
  expect(sizes).toEqual([PART_BYTES, large.length - PART_BYTES])
  const named = [await sendPart(announced, 2), await sendPart(announced, 1)]
  const done = await stage.complete(announced.mediaId, stage.user, named)
  expect(done).toMatchObject({ state: 'uploaded', width: 400, height: 300 })
  expect(done.key).toBe(`media/${done.mediaId}/${sha256Of(large).slice(0, 32)}.jpg`)
  expect(await stage.objects.head(announced.key)).toBeUndefined()
  expect(await arrived(announced)).toBeUndefined()
  expect((await stage.send(announced.uploads[0]!, large.slice(0, PART_BYTES))).status).toBe(404)
})

test('a small file comes in one part when it is asked for, and whole otherwise', async () => {
  const bytes = await jpeg()
  const asked = await stage.create(bytes.length, 'image/jpeg', null, newId(), true)
  expect([asked.uploads.length, asked.partBytes]).toEqual([1, PART_BYTES])
  await stage.send(asked.uploads[0]!, bytes)
  expect((await stage.complete(asked.mediaId)).state).toBe('uploaded')
  const whole = await stage.create(bytes.length)
  expect(whole.partBytes).toBeNull()
  const named = stage.complete(whole.mediaId, stage.user, [{ part: 1, etag: 'x' }])
  await expect(named).rejects.toMatchObject({ status: 400 })
})

test('as long as a part is missing it may still come', async () => {
  const announced = await announce()
  const second = await sendPart(announced, 2)
  const early = { status: 409, code: 'not-uploaded', detail: expect.stringContaining('Part 1 of 2') }
  await expect(stage.complete(announced.mediaId)).rejects.toMatchObject(early)
  const first = await sendPart(announced, 1)
  const half = stage.complete(announced.mediaId, stage.user, [second])
  await expect(half).rejects.toMatchObject({ status: 400 })
  const twice = stage.complete(announced.mediaId, stage.user, [second, second])
  await expect(twice).rejects.toMatchObject({ status: 400 })
  const other = stage.complete(announced.mediaId, stage.user, [{ ...first, etag: second.etag }, second])
  await expect(other).rejects.toMatchObject({ status: 409, code: 'part-mismatch' })
  expect((await stage.complete(announced.mediaId, stage.user, [first, second])).state).toBe('uploaded')
})

test('a part of another size is taken neither by the store nor by us', async () => {
  const announced = await announce()
  const [first] = announced.uploads
  const { 'content-length': _, ...headers } = first!.headers
  expect((await stage.send({ url: first!.url, headers }, large.slice(0, 1_000))).status).toBe(403)
  // Signed for another length: as a store would have it that does not look.
  const uploadId = (await uploadIdOf(announced.mediaId))!
  const short = { key: announced.key, uploadId, partNumber: 1, contentLength: 1_000, expiresSeconds: 60 }
  const { url } = await stage.objects.presignPart(short)
  await stage.send({ url, headers: {} }, large.slice(0, 1_000))
  await sendPart(announced, 2)
  const refused = { status: 422, code: 'wrong-size' }
  await expect(stage.complete(announced.mediaId)).rejects.toMatchObject(refused)
  await expect(stage.complete(announced.mediaId)).rejects.toMatchObject(refused)
  expect(await arrived(announced)).toBeUndefined()
})

test('parts that are joined to something else than was announced are refused, and nothing is left', async () => {
  const announced = await announce(large, 'a'.repeat(64))
  for (const part of [1, 2]) await sendPart(announced, part)
  await expect(stage.complete(announced.mediaId)).rejects.toMatchObject({ status: 422, code: 'wrong-content' })
  expect(await stage.objects.head(announced.key)).toBeUndefined()
})

test('completing twice, twice at once, or again after a death between the join and the check, answers the same', async () => {
  const announced = await announce()
  const named = [await sendPart(announced, 1), await sendPart(announced, 2)]
  const objects = { ...stage.objects, get: () => Promise.reject(new Error('killed')) }
  const dying = stage.service({ objects })
  const input = { mediaId: announced.mediaId, userId: stage.user, parts: named }
  await expect(dying.complete(input, null)).rejects.toThrow('killed')
  expect(await arrived(announced)).toBeUndefined()
  const [a, b] = await Promise.all([
    stage.complete(announced.mediaId, stage.user, named),
    stage.complete(announced.mediaId),
  ])
  expect(a).toEqual(b)
  expect(await stage.complete(announced.mediaId, stage.user, named)).toEqual(a)
})

test('announced again, even twice at once, it is one upload: what has arrived counts', async () => {
  const mediaId = newId()
  const [one, two] = await Promise.all([announce(large, null, mediaId), announce(large, null, mediaId)])
  await sendPart(one, 1)
  await sendPart(two, 2)
  const third = await announce(large, null, mediaId)
  expect(
    new Set([one, two, third].map(({ uploads }) => new URL(uploads[0]!.url).searchParams.get('uploadId'))).size,
  ).toBe(1)
  expect((await stage.complete(mediaId)).state).toBe('uploaded')
  await expect(announce(large, null, mediaId)).rejects.toMatchObject({ status: 409, code: 'already-uploaded' })
})

test('an upload that nobody completes is dropped with its parts', async () => {
  const announced = await announce()
  await sendPart(announced, 1)
  stage.now += 2 * UPLOAD_SECONDS * 1_000 + 60_000
  const service = stage.service()
  expect(await service.sweep(10)).toBeGreaterThanOrEqual(1)
  expect(await arrived(announced)).toBeUndefined()
  await expect(stage.complete(announced.mediaId)).rejects.toMatchObject({ status: 422, code: 'never-completed' })
})

test('every byte of a file is in one part, and every part but the last is one that S3 takes', () => {
  for (const bytes of [1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 20 * 1024 * 1024]) {
    const sizes = partSizes(bytes)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(bytes)
    expect(sizes.slice(0, -1).every((size) => size >= 5 * 1024 * 1024)).toBe(true)
    expect(sizes.at(-1)).toBeGreaterThan(0)
  }
})

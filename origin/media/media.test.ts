import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { postgresMedia } from './postgres.ts'
import { UPLOAD_SECONDS } from './service.ts'
import { jpeg, newId, openStage, picture, type Stage, sha256Of } from './testing.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())
beforeEach(() => stage.begin())

test('an upload can be shown as soon as it is complete: dimensions, blur, and a name by its content', async () => {
  const bytes = await jpeg()
  const done = await stage.upload(bytes)
  expect(done).toMatchObject({
    state: 'uploaded',
    type: 'image',
    width: 400,
    height: 300,
    alt: 'a view',
    failure: null,
  })
  expect(done.key).toBe(`media/${done.mediaId}/${sha256Of(bytes).slice(0, 32)}.jpg`)
  expect(Buffer.from(done.blur!, 'base64').length).toBeGreaterThan(10)
  expect(await stage.objects.head(done.key)).toMatchObject({ size: bytes.length, contentType: 'image/jpeg' })
  expect(await stage.get(done.mediaId)).toEqual(done)
})

test('completing twice, or twice at once, answers the same', async () => {
  const bytes = await jpeg()
  const { mediaId, uploads } = await stage.create(bytes.length)
  await stage.send(uploads[0]!, bytes)
  const [a, b] = await Promise.all([stage.complete(mediaId), stage.complete(mediaId)])
  expect(a).toEqual(b)
  expect(await stage.complete(mediaId)).toEqual(a)
  const late = stage.create(bytes.length, 'image/jpeg', null, mediaId)
  await expect(late).rejects.toMatchObject({ status: 409, code: 'already-uploaded' })
})

test('nobody can change a picture after its check', async () => {
  const bytes = await jpeg()
  const { mediaId, uploads } = await stage.create(bytes.length)
  await stage.send(uploads[0]!, bytes)
  const done = await stage.complete(mediaId)
  await stage.send(uploads[0]!, new Uint8Array(bytes.length))
  const object = await stage.objects.get(done.key)
  expect(sha256Of(new Uint8Array(await new Response(object!.body).arrayBuffer()))).toBe(sha256Of(bytes))
})

test('announcing again under the same id gives the same upload; another one is a conflict', async () => {
  const mediaId = newId()
  const first = await stage.create(1_000, 'image/png', null, mediaId)
  expect((await stage.create(1_000, 'image/png', null, mediaId)).key).toBe(first.key)
  await expect(stage.create(2_000, 'image/png', null, mediaId)).rejects.toMatchObject({ status: 409, code: 'id-taken' })
})

test.each([
  ['video/mp4', 1_000, 415],
  ['image/svg+xml', 1_000, 415],
  ['text/html', 1_000, 415],
  ['image/jpeg', 21 * 1024 * 1024, 413],
])('%s of %i bytes is refused with %i', async (contentType, bytes, status) => {
  await expect(stage.create(bytes, contentType)).rejects.toMatchObject({ status })
})

test('what has not arrived may still come; what is another person’s is not found', async () => {
  const bytes = await jpeg()
  const { mediaId, uploads } = await stage.create(bytes.length)
  await expect(stage.complete(mediaId)).rejects.toMatchObject({ status: 409, code: 'not-uploaded' })
  await stage.send(uploads[0]!, bytes)
  await expect(stage.complete(mediaId, newId())).rejects.toMatchObject({ status: 404 })
  expect((await stage.complete(mediaId)).state).toBe('uploaded')
})

test.each([
  ['wrong-type', async () => new Uint8Array(await picture().png().toBuffer())],
  ['wrong-type', async () => new TextEncoder().encode('<script>alert(1)</script>')],
  ['undecodable', async () => (await jpeg()).slice(0, 700)],
])('a file that is %s is deleted and the refusal stands', async (fault, make) => {
  const bytes = await make()
  const { mediaId, key, uploads } = await stage.create(bytes.length)
  await stage.send(uploads[0]!, bytes)
  await expect(stage.complete(mediaId)).rejects.toMatchObject({ status: 422, code: fault })
  expect(await stage.objects.head(key)).toBeUndefined()
  expect(await stage.get(mediaId)).toMatchObject({ state: 'failed', failure: fault })
  await expect(stage.complete(mediaId)).rejects.toMatchObject({ status: 422, code: fault })
})

test('an animated picture is refused', async () => {
  const frames = await picture(20, 40).png().toBuffer()
  const webp = await sharp(await sharp(frames).toBuffer(), { pages: 1 })
    .webp()
    .toBuffer()
  const gif = await sharp([webp, frames], { join: { animated: true } })
    .gif({ loop: 0 })
    .toBuffer()
  await expect(stage.upload(new Uint8Array(gif), 'image/gif')).rejects.toMatchObject({ code: 'animated-image' })
})

test('the announced SHA-256 is what must arrive', async () => {
  const bytes = await jpeg()
  const other = bytes.map((byte, i) => (i === 300 ? byte ^ 1 : byte))
  const { mediaId, uploads } = await stage.create(bytes.length, 'image/jpeg', sha256Of(bytes))
  expect((await stage.send(uploads[0]!, other)).status).toBeGreaterThanOrEqual(400)
  await stage.send(uploads[0]!, bytes)
  expect((await stage.complete(mediaId)).state).toBe('uploaded')
})

test('a picture that lies on its side is measured upright', async () => {
  const sideways = await picture(400, 300).withMetadata({ orientation: 6 }).jpeg().toBuffer()
  expect(await stage.upload(new Uint8Array(sideways))).toMatchObject({ width: 300, height: 400 })
})

test('what the edge cannot read becomes WebP', async () => {
  const gif = await picture(60, 40).gif().toBuffer()
  const done = await stage.upload(new Uint8Array(gif), 'image/gif')
  expect(done.key).toMatch(/\.webp$/)
  expect(done).toMatchObject({ width: 60, height: 40 })
})

test('an upload that was never completed is swept away', async () => {
  const bytes = await jpeg()
  const { mediaId, key, uploads } = await stage.create(bytes.length)
  await stage.send(uploads[0]!, bytes)
  const service = stage.service()
  expect(await service.sweep(10)).toBe(0)
  stage.now += 2 * UPLOAD_SECONDS * 1_000 + 60_000
  expect(await service.sweep(10)).toBeGreaterThanOrEqual(1)
  expect(await stage.objects.head(key)).toBeUndefined()
  await expect(stage.complete(mediaId)).rejects.toMatchObject({ status: 422, code: 'never-completed' })
})

test.each(['put', 'accept'] as const)(
  'of two completions around a change to private, the one that is late before its %s leaves nothing public',
  async (step) => {
    await stage.account(false)
    const bytes = await jpeg()
    const { mediaId, uploads } = await stage.create(bytes.length)
    await stage.send(uploads[0]!, bytes)
    const overtaken = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
      return async (...args: A) => {
        await stage.account(true)
        await stage.complete(mediaId)
        return call(...args)
      }
    }
    const store = postgresMedia(stage.database)
    const late = stage.service({
      store: step === 'accept' ? { ...store, accept: overtaken(store.accept) } : store,
      objects: step === 'put' ? { ...stage.objects, put: overtaken(stage.objects.put) } : stage.objects,
    })
    const done = await late.complete({ mediaId, userId: stage.user, parts: null }, null)
    expect(await stage.objectsOf(mediaId)).toEqual([done.key])
    expect(done.key).toMatch(/^private/)
  },
)

import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createIdFactory, type Id } from '#core/ids.ts'
import {
  eventually,
  startDatabase,
  startObjects,
  type TestDatabase,
  type TestObjects,
} from '../../test/contract/engines.ts'
import { openPostgresLog } from '../../test/contract/event-log-engines.ts'
import type { OperableEventLog } from '../event-log.ts'
import type { RequestContext } from '../internal-api.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createMedia, type MediaTier } from './index.ts'
import { postgresMedia, postgresMediaJobs } from './postgres.ts'
import { mediaService, UPLOAD_SECONDS } from './service.ts'
import { MEDIA_JOBS, workOnce } from './worker.ts'

const logger = createLogger({ level: 'silent' })
const context: RequestContext = {
  requestId: 'test',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  signal: new AbortController().signal,
  logger,
}
const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(3)

let postgres: TestDatabase
let files: TestObjects
let log: OperableEventLog
let media: MediaTier
let now = 0
let user: Id

beforeAll(async () => {
  ;[postgres, files] = await Promise.all([startDatabase(), startObjects()])
  log = openPostgresLog(postgres.database)
  media = open()
}, 60_000)

afterAll(async () => {
  await log.close()
  await files.close()
  await postgres.close()
})

beforeEach(async () => {
  now = Date.now()
  user = newId()
  await postgres.pool.query("update media_jobs set state = 'done'")
})

const open = () =>
  createMedia({
    database: postgres.database,
    objects: files.objects,
    log,
    metrics: createMetrics(),
    logger,
    clock: () => now,
  })

/** A picture with something in it: one half red, one half blue. */
const picture = (width = 400, height = 300) =>
  sharp({ create: { width, height, channels: 3, background: '#d02020' } }).composite([
    { input: { create: { width: width >> 1, height, channels: 3, background: '#2020d0' } }, gravity: 'east' },
  ])
const jpeg = async (width?: number, height?: number) => new Uint8Array(await picture(width, height).jpeg().toBuffer())
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const create = (bytes: number, contentType = 'image/jpeg', sha256: string | null = null, mediaId = newId()) =>
  media.handlers['media.create']!({ mediaId, userId: user, contentType, bytes, sha256, alt: 'a view' }, context)
const complete = (mediaId: Id, userId = user) =>
  media.handlers['media.complete']!({ mediaId, userId, parts: null }, context)
const get = (mediaId: Id) => media.handlers['media.get']!({ mediaId }, context)
const send = (upload: { url: string; headers: Record<string, string> }, bytes: Uint8Array) =>
  fetch(upload.url, { method: 'PUT', headers: upload.headers, body: bytes as Uint8Array<ArrayBuffer> })

/** Announces, uploads and completes. */
async function upload(bytes: Uint8Array, contentType = 'image/jpeg') {
  const announced = await create(bytes.length, contentType)
  expect((await send(announced.uploads[0]!, bytes)).status).toBe(200)
  return complete(announced.mediaId)
}

const worker = (owner = 'worker', over: Partial<Parameters<typeof workOnce>[0]> = {}) => ({
  store: postgresMedia(postgres.database),
  jobs: postgresMediaJobs(postgres.database),
  objects: files.objects,
  publish: async () => {},
  clock: () => now,
  random: Math.random,
  owner,
  ...over,
})

test('an upload can be shown as soon as it is complete: dimensions, blur, and a name by its content', async () => {
  const bytes = await jpeg()
  const done = await upload(bytes)
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
  expect(await files.objects.head(done.key)).toMatchObject({ size: bytes.length, contentType: 'image/jpeg' })
  expect(await get(done.mediaId)).toEqual(done)
})

test('completing twice, or twice at once, answers the same', async () => {
  const bytes = await jpeg()
  const { mediaId, uploads } = await create(bytes.length)
  await send(uploads[0]!, bytes)
  const [a, b] = await Promise.all([complete(mediaId), complete(mediaId)])
  expect(a).toEqual(b)
  expect(await complete(mediaId)).toEqual(a)
  const late = create(bytes.length, 'image/jpeg', null, mediaId)
  await expect(late).rejects.toMatchObject({ status: 409, code: 'already-uploaded' })
})

test('nobody can change a picture after its check', async () => {
  const bytes = await jpeg()
  const { mediaId, uploads } = await create(bytes.length)
  await send(uploads[0]!, bytes)
  const done = await complete(mediaId)
  await send(uploads[0]!, new Uint8Array(bytes.length))
  const object = await files.objects.get(done.key)
  expect(sha256Of(new Uint8Array(await new Response(object!.body).arrayBuffer()))).toBe(sha256Of(bytes))
})

test('announcing again under the same id gives the same upload; another one is a conflict', async () => {
  const mediaId = newId()
  const first = await create(1_000, 'image/png', null, mediaId)
  expect((await create(1_000, 'image/png', null, mediaId)).key).toBe(first.key)
  await expect(create(2_000, 'image/png', null, mediaId)).rejects.toMatchObject({ status: 409, code: 'id-taken' })
})

test.each([
  ['video/mp4', 1_000, 415],
  ['image/svg+xml', 1_000, 415],
  ['text/html', 1_000, 415],
  ['image/jpeg', 21 * 1024 * 1024, 413],
])('%s of %i bytes is refused with %i', async (contentType, bytes, status) => {
  await expect(create(bytes, contentType)).rejects.toMatchObject({ status })
})

test('what has not arrived may still come; what is another person’s is not found', async () => {
  const bytes = await jpeg()
  const { mediaId, uploads } = await create(bytes.length)
  await expect(complete(mediaId)).rejects.toMatchObject({ status: 409, code: 'not-uploaded' })
  await send(uploads[0]!, bytes)
  await expect(complete(mediaId, newId())).rejects.toMatchObject({ status: 404 })
  expect((await complete(mediaId)).state).toBe('uploaded')
})

test.each([
  ['wrong-type', async () => new Uint8Array(await picture().png().toBuffer())],
  ['wrong-type', async () => new TextEncoder().encode('<script>alert(1)</script>')],
  ['undecodable', async () => (await jpeg()).slice(0, 700)],
])('a file that is %s is deleted and the refusal stands', async (fault, make) => {
  const bytes = await make()
  const { mediaId, key, uploads } = await create(bytes.length)
  await send(uploads[0]!, bytes)
  await expect(complete(mediaId)).rejects.toMatchObject({ status: 422, code: fault })
  expect(await files.objects.head(key)).toBeUndefined()
  expect(await get(mediaId)).toMatchObject({ state: 'failed', failure: fault })
  await expect(complete(mediaId)).rejects.toMatchObject({ status: 422, code: fault })
})

test('an animated picture is refused', async () => {
  const frames = await picture(20, 40).png().toBuffer()
  const webp = await sharp(await sharp(frames).toBuffer(), { pages: 1 })
    .webp()
    .toBuffer()
  const gif = await sharp([webp, frames], { join: { animated: true } })
    .gif({ loop: 0 })
    .toBuffer()
  await expect(upload(new Uint8Array(gif), 'image/gif')).rejects.toMatchObject({ code: 'animated-image' })
})

test('the announced SHA-256 is what must arrive', async () => {
  const bytes = await jpeg()
  const other = bytes.map((byte, i) => (i === 300 ? byte ^ 1 : byte))
  const { mediaId, uploads } = await create(bytes.length, 'image/jpeg', sha256Of(bytes))
  expect((await send(uploads[0]!, other)).status).toBeGreaterThanOrEqual(400)
  await send(uploads[0]!, bytes)
  expect((await complete(mediaId)).state).toBe('uploaded')
})

test('a picture that lies on its side is measured upright', async () => {
  const sideways = await picture(400, 300).withMetadata({ orientation: 6 }).jpeg().toBuffer()
  expect(await upload(new Uint8Array(sideways))).toMatchObject({ width: 300, height: 400 })
})

test('what the edge cannot read becomes WebP', async () => {
  const gif = await picture(60, 40).gif().toBuffer()
  const done = await upload(new Uint8Array(gif), 'image/gif')
  expect(done.key).toMatch(/\.webp$/)
  expect(done).toMatchObject({ width: 60, height: 40 })
})

test('a job makes three variants without metadata, and the media is ready with its event', async () => {
  const original = await picture(1600, 1200)
    .withExif({ IFD0: { Artist: 'somebody' } })
    .jpeg()
    .toBuffer()
  const done = await upload(new Uint8Array(original))
  const jobs = postgresMediaJobs(postgres.database)
  await jobs.add(done.mediaId, now)
  await jobs.add(done.mediaId, now)
  expect(await workOnce(worker())).toBe('done')
  expect(await workOnce(worker())).toBe('idle')
  const { rows } = await postgres.pool.query('select variants, state from media where media_id = $1', [done.mediaId])
  expect(rows[0].state).toBe('ready')
  const base = done.key.replace('.jpg', '')
  expect(rows[0].variants).toEqual([
    { name: 'thumb', key: `${base}-thumb.webp`, width: 150, height: 113, contentType: 'image/webp' },
    { name: 'medium', key: `${base}-medium.webp`, width: 640, height: 480, contentType: 'image/webp' },
    { name: 'large', key: `${base}-large.jpg`, width: 1080, height: 810, contentType: 'image/jpeg' },
  ])
  for (const { key, width } of rows[0].variants) {
    const stored = new Uint8Array(await new Response((await files.objects.get(key))!.body).arrayBuffer())
    const header = await sharp(stored).metadata()
    expect(header.width).toBe(width)
    expect(header.exif).toBeUndefined()
  }
  const outbox = await postgres.pool.query('select body from outbox where event_id = $1', [
    `media-ready:${done.mediaId}`,
  ])
  expect(outbox.rows[0].body).toMatchObject({
    type: 'media.ready',
    data: { mediaId: done.mediaId, postId: null, version: 3 },
  })
})

test('the post that a media went into gets what was computed, with a newer version, and the event names it', async () => {
  const done = await upload(await jpeg())
  const post = newId()
  const item = { mediaId: done.mediaId, type: 'image', key: done.key, width: 0, height: 0, alt: '', blur: null }
  const other = { ...item, mediaId: '1' }
  await postgres.pool.query('insert into posts (post_id, user_id, media_urls) values ($1, $2, $3)', [
    post,
    user,
    JSON.stringify([other, item]),
  ])
  await postgres.pool.query('update media set post_id = $1 where media_id = $2', [post, done.mediaId])
  await postgresMediaJobs(postgres.database).add(done.mediaId, now)
  await workOnce(worker())
  const { rows } = await postgres.pool.query('select media_urls, version::int from posts where post_id = $1', [post])
  expect(rows[0]).toEqual({ media_urls: [other, { ...item, width: 400, height: 300, blur: done.blur }], version: 2 })
  const outbox = await postgres.pool.query('select body from outbox where event_id = $1', [
    `media-ready:${done.mediaId}`,
  ])
  expect(outbox.rows[0].body.data.postId).toBe(post)
})

test('a failed job is tried again after a growing pause, and given up in the end', async () => {
  const done = await upload(await jpeg())
  await postgresMediaJobs(postgres.database).add(done.mediaId, now)
  const broken = worker('broken', { objects: { ...files.objects, get: () => Promise.reject(new Error('away')) } })
  expect(await workOnce(broken)).toBe('failed')
  expect(await workOnce(worker())).toBe('idle')
  for (let attempt = 2; attempt < MEDIA_JOBS.maxAttempts; attempt++) {
    now += MEDIA_JOBS.backoffMs * 2 ** (attempt - 2)
    expect(await workOnce(broken)).toBe('failed')
  }
  now += MEDIA_JOBS.backoffMs * 2 ** MEDIA_JOBS.maxAttempts
  expect(await workOnce(broken)).toBe('dead')
  now += MEDIA_JOBS.backoffMs * 2 ** MEDIA_JOBS.maxAttempts
  expect(await workOnce(worker())).toBe('idle')
  expect((await get(done.mediaId)).state).toBe('uploaded')
})

test('a worker that died loses its job to another, and a slow one does not finish what it lost', async () => {
  const done = await upload(await jpeg())
  const jobs = postgresMediaJobs(postgres.database)
  await jobs.add(done.mediaId, now)
  const slow = worker('slow', {
    objects: {
      ...files.objects,
      get: async (key) => {
        now += MEDIA_JOBS.leaseMs
        expect(await workOnce(worker('other'))).toBe('done')
        return files.objects.get(key)
      },
    },
  })
  expect(await workOnce(slow)).toBe('lost')
  expect((await get(done.mediaId)).state).toBe('ready')
})

test('a worker that hangs keeps its job for a bounded time only', async () => {
  const done = await upload(await jpeg())
  await postgresMediaJobs(postgres.database).add(done.mediaId, now)
  const jobs = postgresMediaJobs(postgres.database)
  let renewals = 0
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const hanging = worker('hanging', {
    jobs: {
      ...jobs,
      renew: (...lease) => {
        renewals++
        return jobs.renew(...lease)
      },
    },
    objects: {
      ...files.objects,
      get: async (key) => {
        for (let ms = 0; ms < 2 * MEDIA_JOBS.longestMs; ms += MEDIA_JOBS.renewEveryMs) {
          now += MEDIA_JOBS.renewEveryMs
          await vi.advanceTimersByTimeAsync(MEDIA_JOBS.renewEveryMs)
        }
        expect(await workOnce(worker('other'))).toBe('done')
        return files.objects.get(key)
      },
    },
  })
  try {
    expect(await workOnce(hanging)).toBe('lost')
    expect(renewals).toBe(MEDIA_JOBS.longestMs / MEDIA_JOBS.renewEveryMs - 1)
  } finally {
    vi.useRealTimers()
  }
})

test('two workers never hold one job', async () => {
  const done = await upload(await jpeg())
  const jobs = postgresMediaJobs(postgres.database)
  await jobs.add(done.mediaId, now)
  const leases = await Promise.all(
    ['a', 'b', 'c'].map((owner) => jobs.lease({ owner, nowMs: now, untilMs: now + MEDIA_JOBS.leaseMs })),
  )
  expect(leases.filter((lease) => lease !== null)).toHaveLength(1)
})

test('an upload that was never completed is swept away', async () => {
  const bytes = await jpeg()
  const { mediaId, key, uploads } = await create(bytes.length)
  await send(uploads[0]!, bytes)
  const service = mediaService({
    store: postgresMedia(postgres.database),
    objects: files.objects,
    publish: async () => {},
    clock: () => now,
    random: Math.random,
    randomHex: () => 'x',
  })
  expect(await service.sweep(10)).toBe(0)
  now += 2 * UPLOAD_SECONDS * 1_000 + 60_000
  expect(await service.sweep(10)).toBeGreaterThanOrEqual(1)
  expect(await files.objects.head(key)).toBeUndefined()
  await expect(complete(mediaId)).rejects.toMatchObject({ status: 422, code: 'never-completed' })
})

test('started, the tier takes an upload from its event to ready by itself', async () => {
  const started = open()
  started.start()
  const done = await upload(await jpeg())
  await eventually(async () => (await get(done.mediaId)).state === 'ready')
  await started.close()
})

import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { eventually } from '../../test/contract/engines.ts'
import { ObjectStoreError } from '../objects/index.ts'
import { postgresMediaJobs } from './postgres.ts'
import { jpeg, newId, openStage, picture, type Stage } from './testing.ts'
import { MEDIA_JOBS, patientWorker, workOnce } from './worker.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())
beforeEach(() => stage.begin())

test('a job makes the variants that pages show, and a stand-in, without metadata, and the media is ready with its event', async () => {
  const original = await picture(1600, 1200)
    .withExif({ IFD0: { Artist: 'somebody' } })
    .jpeg()
    .toBuffer()
  const done = await stage.upload(new Uint8Array(original))
  const jobs = postgresMediaJobs(stage.database)
  await jobs.add(done.mediaId, stage.now)
  await jobs.add(done.mediaId, stage.now)
  expect(await workOnce(stage.worker())).toBe('done')
  expect(await workOnce(stage.worker())).toBe('idle')
  const { rows } = await stage.pool.query('select variants, state from media where media_id = $1', [done.mediaId])
  expect(rows[0].state).toBe('ready')
  const base = done.key.replace('.jpg', '')
  expect(rows[0].variants).toEqual([
    { name: 'thumb', key: `${base}-thumb.webp`, width: 150, height: 113, contentType: 'image/webp' },
    { name: 'small', key: `${base}-small.webp`, width: 320, height: 240, contentType: 'image/webp' },
    { name: 'medium', key: `${base}-medium.webp`, width: 640, height: 480, contentType: 'image/webp' },
    { name: 'large', key: `${base}-large.webp`, width: 1080, height: 810, contentType: 'image/webp' },
    { name: 'stand-in', key: `${base}-large.jpg`, width: 1080, height: 810, contentType: 'image/jpeg' },
  ])
  for (const { key, width } of rows[0].variants) {
    const stored = new Uint8Array(await new Response((await stage.objects.get(key))!.body).arrayBuffer())
    const header = await sharp(stored).metadata()
    expect(header.width).toBe(width)
    expect(header.exif).toBeUndefined()
  }
  const outbox = await stage.pool.query('select body from outbox where event_id = $1', [`media-ready:${done.mediaId}`])
  expect(outbox.rows[0].body).toMatchObject({
    type: 'media.ready',
    data: { mediaId: done.mediaId, postId: null, version: 3 },
  })
})

test('a picture that is far taller than wide is made no larger than at the edge', async () => {
  const done = await stage.upload(new Uint8Array(await picture(600, 17_000).jpeg().toBuffer()))
  await postgresMediaJobs(stage.database).add(done.mediaId, stage.now)
  expect(await workOnce(stage.worker())).toBe('done')
  const { rows } = await stage.pool.query('select variants from media where media_id = $1', [done.mediaId])
  const sizes = rows[0].variants.map(({ width, height }: { width: number; height: number }) => [width, height])
  expect(sizes).toEqual(Array.from({ length: 5 }, () => [72, 2048]))
})

test('the post that a media went into gets what was computed, with a newer version, and the event names it', async () => {
  const done = await stage.upload(await jpeg())
  const post = newId()
  const item = { mediaId: done.mediaId, type: 'image', key: done.key, width: 0, height: 0, alt: '', blur: null }
  const other = { ...item, mediaId: '1' }
  await stage.pool.query('insert into posts (post_id, user_id, media_urls) values ($1, $2, $3)', [
    post,
    stage.user,
    JSON.stringify([other, item]),
  ])
  await stage.pool.query('update media set post_id = $1 where media_id = $2', [post, done.mediaId])
  await postgresMediaJobs(stage.database).add(done.mediaId, stage.now)
  await workOnce(stage.worker())
  const { rows } = await stage.pool.query('select media_urls, version::int from posts where post_id = $1', [post])
  expect(rows[0]).toEqual({ media_urls: [other, { ...item, width: 400, height: 300, blur: done.blur }], version: 2 })
  const outbox = await stage.pool.query('select body from outbox where event_id = $1', [`media-ready:${done.mediaId}`])
  expect(outbox.rows[0].body.data.postId).toBe(post)
})

test('a failed job is tried again after a growing pause, and given up in the end', async () => {
  const done = await stage.upload(await jpeg())
  await postgresMediaJobs(stage.database).add(done.mediaId, stage.now)
  const broken = stage.worker('broken', { objects: { ...stage.objects, get: () => Promise.reject(new Error('away')) } })
  expect(await workOnce(broken)).toBe('failed')
  expect(await workOnce(stage.worker())).toBe('idle')
  for (let attempt = 2; attempt < MEDIA_JOBS.maxAttempts; attempt++) {
    stage.now += MEDIA_JOBS.backoffMs * 2 ** (attempt - 2)
    expect(await workOnce(broken)).toBe('failed')
  }
  stage.now += MEDIA_JOBS.backoffMs * 2 ** MEDIA_JOBS.maxAttempts
  expect(await workOnce(broken)).toBe('dead')
  stage.now += MEDIA_JOBS.backoffMs * 2 ** MEDIA_JOBS.maxAttempts
  expect(await workOnce(stage.worker())).toBe('idle')
  expect((await stage.get(done.mediaId)).state).toBe('uploaded')
})

const storeAway = (code: string, status: number) => () =>
  Promise.reject(new ObjectStoreError(code, status, `The object store refused: ${code}`))

test.each([
  ['silent', 0],
  ['SlowDown', 503],
  ['InternalError', 500],
])('an object store that is away (%s) uses up no attempts, however long it lasts', async (code, status) => {
  const done = await stage.upload(await jpeg())
  await postgresMediaJobs(stage.database).add(done.mediaId, stage.now)
  const away = stage.worker('away', { objects: { ...stage.objects, get: storeAway(code, status) } })
  for (let n = 0; n < 3 * MEDIA_JOBS.maxAttempts; n++) {
    expect(await workOnce(away)).toBe('away')
    expect(await workOnce(away)).toBe('idle')
    stage.now += MEDIA_JOBS.backoffMs
  }
  expect(await workOnce(stage.worker())).toBe('done')
  expect((await stage.get(done.mediaId)).state).toBe('ready')
})

test('a worker that meets an outage looks at no other job for a while, and for longer each time', async () => {
  for (const mediaId of [newId(), newId(), newId()]) {
    await stage.pool.query(
      `insert into media (media_id, user_id, key, content_type, bytes, state) values ($1, $2, 'media/1/a.jpg', 'image/jpeg', 1, 'uploaded')`,
      [mediaId, stage.user],
    )
    await postgresMediaJobs(stage.database).add(mediaId, stage.now)
  }
  let isAway = true
  const get: typeof stage.objects.get = (key) => (isAway ? storeAway('Unreachable', 0)() : stage.objects.get(key))
  const look = patientWorker(stage.worker('away', { objects: { ...stage.objects, get } }))
  const metAt: number[] = []
  for (const endMs = stage.now + 200_000; stage.now < endMs; stage.now += 1_000) {
    if ((await look()) === 'away') metAt.push(stage.now)
  }
  const seconds = metAt.slice(1).map((at, i) => (at - metAt[i]!) / 1_000)
  expect(seconds).toEqual([5, 10, 20, 40, 60, 60])
  isAway = false
  stage.now += MEDIA_JOBS.longestPauseMs
  // Their originals are gone: a fault of the job, after which the next comes at once.
  expect([await look(), await look(), await look()]).toEqual(['failed', 'failed', 'failed'])
})

test('jobs that were given up come back when they are called', async () => {
  const done = await stage.upload(await jpeg())
  const jobs = postgresMediaJobs(stage.database)
  await jobs.add(done.mediaId, stage.now)
  const broken = stage.worker('broken', { objects: { ...stage.objects, get: () => Promise.reject(new Error('odd')) } })
  for (let attempt = 1; attempt <= MEDIA_JOBS.maxAttempts; attempt++) {
    await workOnce(broken)
    stage.now += MEDIA_JOBS.backoffMs * 2 ** attempt
  }
  expect(await workOnce(stage.worker())).toBe('idle')
  expect(await jobs.revive(stage.now)).toBe(1)
  expect(await jobs.revive(stage.now)).toBe(0)
  expect(await workOnce(broken)).toBe('failed')
  stage.now += MEDIA_JOBS.backoffMs
  expect(await workOnce(stage.worker())).toBe('done')
})

test('a worker that died loses its job to another, and a slow one does not finish what it lost', async () => {
  const done = await stage.upload(await jpeg())
  const jobs = postgresMediaJobs(stage.database)
  await jobs.add(done.mediaId, stage.now)
  const slow = stage.worker('slow', {
    objects: {
      ...stage.objects,
      get: async (key) => {
        stage.now += MEDIA_JOBS.leaseMs
        expect(await workOnce(stage.worker('other'))).toBe('done')
        return stage.objects.get(key)
      },
    },
  })
  expect(await workOnce(slow)).toBe('lost')
  expect((await stage.get(done.mediaId)).state).toBe('ready')
})

test('a worker that hangs keeps its job for a bounded time only', async () => {
  const done = await stage.upload(await jpeg())
  await postgresMediaJobs(stage.database).add(done.mediaId, stage.now)
  const jobs = postgresMediaJobs(stage.database)
  let renewals = 0
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const hanging = stage.worker('hanging', {
    jobs: {
      ...jobs,
      renew: (...lease) => {
        renewals++
        return jobs.renew(...lease)
      },
    },
    objects: {
      ...stage.objects,
      get: async (key) => {
        for (let ms = 0; ms < 2 * MEDIA_JOBS.longestMs; ms += MEDIA_JOBS.renewEveryMs) {
          stage.now += MEDIA_JOBS.renewEveryMs
          await vi.advanceTimersByTimeAsync(MEDIA_JOBS.renewEveryMs)
        }
        expect(await workOnce(stage.worker('other'))).toBe('done')
        return stage.objects.get(key)
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
  const done = await stage.upload(await jpeg())
  const jobs = postgresMediaJobs(stage.database)
  await jobs.add(done.mediaId, stage.now)
  const leases = await Promise.all(
    ['a', 'b', 'c'].map((owner) => jobs.lease({ owner, nowMs: stage.now, untilMs: stage.now + MEDIA_JOBS.leaseMs })),
  )
  expect(leases.filter((lease) => lease !== null)).toHaveLength(1)
})

test('started, the tier takes an upload from its event to ready by itself', async () => {
  const started = stage.open()
  started.start()
  const done = await stage.upload(await jpeg())
  await eventually(async () => (await stage.get(done.mediaId)).state === 'ready')
  await started.close()
})

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { reviveJobs } from '#drizzle/queries/media.ts'
import { createMetrics } from '../observe/metrics.ts'
import { postgresMediaJobs } from './postgres.ts'
import { mediaQueue } from './queue.ts'
import { jpeg, openStage, type Stage } from './testing.ts'
import { MEDIA_JOBS, workOnce } from './worker.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())
beforeEach(() => stage.begin())

test('the queue is what waits or is under way, not what is done', async () => {
  const metrics = createMetrics()
  const look = mediaQueue(stage.database, metrics)
  const length = async () => {
    await look()
    return /^tideline_media_queue_jobs (\d+)$/m.exec((await metrics.expose()).body)?.[1]
  }
  expect(await length()).toBe('0')
  const jobs = postgresMediaJobs(stage.database)
  for (let i = 0; i < 2; i++) await jobs.add((await stage.upload(await jpeg())).mediaId, stage.now)
  expect(await length()).toBe('2')
  await jobs.lease({ owner: 'somebody', nowMs: stage.now, untilMs: stage.now + 60_000 })
  expect(await length()).toBe('2')
  expect(await workOnce(stage.worker())).toBe('done')
  expect(await length()).toBe('1')
})

test('what was given up is counted until it is queued anew, or its post is deleted', async () => {
  const metrics = createMetrics()
  const look = mediaQueue(stage.database, metrics)
  const counts = async () => {
    await look()
    const { body } = await metrics.expose()
    return ['queue_jobs', 'jobs_given_up'].map(
      (name) => new RegExp(`^tideline_media_${name} (.*)$`, 'm').exec(body)?.[1],
    )
  }
  const objects = { ...stage.objects, get: () => Promise.reject(new Error('unreadable')) }
  const giveUp = async () => {
    const { mediaId } = await stage.upload(await jpeg())
    await postgresMediaJobs(stage.database).add(mediaId, stage.now)
    await stage.pool.query('update media_jobs set attempts = $2 where media_id = $1', [
      mediaId,
      MEDIA_JOBS.maxAttempts - 1,
    ])
    expect(await workOnce(stage.worker('broken', { objects }))).toBe('dead')
    return mediaId
  }
  await giveUp()
  expect(await counts()).toEqual(['0', '1'])
  await stage.database.query(reviveJobs(stage.now))
  expect(await counts()).toEqual(['1', '0'])
  await stage.begin()
  const mediaId = await giveUp()
  await stage.pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [
    mediaId,
    stage.user,
  ])
  await stage.pool.query('update media set post_id = media_id where media_id = $1', [mediaId])
  expect(await counts()).toEqual(['0', '1'])
  await stage.pool.query('update posts set deleted_at = now() where post_id = $1', [mediaId])
  expect(await counts()).toEqual(['0', '0'])
})

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createMetrics } from '../observe/metrics.ts'
import { postgresMediaJobs } from './postgres.ts'
import { mediaQueue } from './queue.ts'
import { jpeg, openStage, type Stage } from './testing.ts'
import { workOnce } from './worker.ts'

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

/** How many media jobs wait, for operators: the alert MediaQueueLong is about it. */
import type { Database } from '#drizzle/database.ts'
import { countWaitingJobs } from '#drizzle/queries/media.ts'
import type { Metrics } from '../observe/metrics.ts'

/** Each look sets the gauge to what the databases say now. */
export function mediaQueue(database: Database, metrics: Metrics): () => Promise<void> {
  const jobs = metrics.gauge('media_queue_jobs', 'Media jobs that wait or are under way')
  return async () => {
    const rows = await database.query<{ jobs: number }>(countWaitingJobs())
    jobs.set(rows.reduce((sum, row) => sum + row.jobs, 0))
  }
}

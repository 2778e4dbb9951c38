/** How many media jobs wait, and how many were given up, for operators: the alerts MediaQueueLong and MediaJobsGivenUp are about it. */
import type { Database } from '#drizzle/database.ts'
import { countJobs, type JobsRow } from '#drizzle/queries/media.ts'
import type { Metrics } from '../observe/metrics.ts'

/** Each look sets the gauges to what the databases say now. */
export function mediaQueue(database: Database, metrics: Metrics): () => Promise<void> {
  const jobs = metrics.gauge('media_queue_jobs', 'Media jobs that wait or are under way')
  const givenUp = metrics.gauge('media_jobs_given_up', 'Media jobs that were given up and wait to be queued anew')
  return async () => {
    const rows = await database.query<JobsRow>(countJobs())
    jobs.set(rows.reduce((sum, row) => sum + row.jobs, 0))
    givenUp.set(rows.reduce((sum, row) => sum + row.given_up, 0))
  }
}

/** Turns media_processing events into jobs and goes on: the work itself never blocks a partition. */
import type { Clock } from '#core/ids.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import type { MediaJobs } from './store.ts'

export function consumeMedia(log: EventLog, jobs: MediaJobs, clock: Clock, onJob: () => void): Consumer {
  return log.subscribe({
    group: 'media-jobs',
    topics: ['media_processing'],
    async handle(event) {
      await jobs.add(event.data.mediaId, clock())
      onJob()
    },
  })
}

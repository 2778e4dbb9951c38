/** Turns events into jobs and goes on: the work itself never blocks a partition. */
import type { Clock } from '#core/ids.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import type { MediaJobs } from './store.ts'

/** A changed account: its pictures may lie where they do not belong any more. */
export function consumeAccounts(
  log: EventLog,
  jobs: Pick<MediaJobs, 'addMoves'>,
  clock: Clock,
  onJob: () => void,
): Consumer {
  return log.subscribe({
    group: 'media-moves',
    topics: ['user.changed'],
    async handle({ data }) {
      if ((await jobs.addMoves(data.userId, clock())) > 0) onJob()
    },
  })
}

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

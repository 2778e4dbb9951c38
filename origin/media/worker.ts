/** Works through the leased jobs: each picture where it belongs, and variants of those that are new. */
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import type { Id, Random } from '#core/ids.ts'
import { isAway } from '../outages.ts'
import { copyIfPortrait, type PlaceNeeds, putInPlace, removeMedia, storedCacheControl } from './place.ts'
import type { Media, MediaJobs, MediaStore } from './store.ts'
import { makeVariants, type Variant } from './variants.ts'

export const MEDIA_JOBS = Object.freeze({
  /** A worker that died, or could not say how it went, is noticed after so long; a picture takes a second. */
  leaseMs: 15_000,
  renewEveryMs: 4_000,
  /** A worker that is not done after so long hangs: its lease is renewed no more, and another tries. */
  longestMs: 600_000,
  /** First pause after a failure, doubled each time: an object store that restarts is back by the third try. */
  backoffMs: 5_000,
  maxAttempts: 8,
  /** The longest pause of a worker that meets nothing but an outage; the first is `backoffMs`. */
  longestPauseMs: 60_000,
  /** Between looks for jobs that nobody told of: retries and those of workers that died. */
  idleMs: 1_000,
})

export interface WorkerNeeds extends PlaceNeeds {
  store: MediaStore
  jobs: MediaJobs
  publish(events: readonly TidelineEvent[]): Promise<void>
  random: Random
  /** Names this worker in the leases. */
  owner: string
  /** @param ms from the lease to the outcome */
  onOutcome?: (outcome: Exclude<WorkOutcome, 'idle'>, ms: number) => void
}

/** What became of one look for work. `away`: an outage kept it from being done, which uses up none of its attempts. */
export type WorkOutcome = 'idle' | 'done' | 'failed' | 'dead' | 'lost' | 'away'

/** Takes one job that is due and does it. Never throws for what is wrong with a job; throws when the jobs cannot be read. */
export async function workOnce(needs: WorkerNeeds): Promise<WorkOutcome> {
  const { jobs, clock, owner } = needs
  const nowMs = clock()
  const job = await jobs.lease({ owner, nowMs, untilMs: nowMs + MEDIA_JOBS.leaseMs })
  if (job === null) return 'idle'
  const stopRenewing = renewWhile(needs, job.mediaId)
  let outcome: Exclude<WorkOutcome, 'idle'>
  try {
    outcome = await makeReady(needs, job.mediaId)
  } catch (error) {
    outcome = failureOf(job.attempts, error)
    const isCounted = outcome !== 'away'
    await jobs.release(job.mediaId, owner, {
      state: outcome === 'dead' ? 'dead' : 'waiting',
      runAfterMs: clock() + MEDIA_JOBS.backoffMs * (isCounted ? 2 ** (job.attempts - 1) : 1),
      failure: String(error),
      isCounted,
    })
  } finally {
    stopRenewing()
  }
  needs.onOutcome?.(outcome, clock() - nowMs)
  return outcome
}

function failureOf(attempts: number, error: unknown): 'away' | 'failed' | 'dead' {
  if (isAway(error)) return 'away'
  return attempts >= MEDIA_JOBS.maxAttempts ? 'dead' : 'failed'
}

/**
 * Looks for work as `workOnce` does; while outages are all that it meets, only after pauses that grow to a minute: the other
 * jobs would meet the same. What wakes it meanwhile finds nothing.
 */
export function patientWorker(needs: WorkerNeeds): () => Promise<WorkOutcome> {
  let outages = 0
  let resumeMs = 0
  return async () => {
    if (needs.clock() < resumeMs) return 'idle'
    const outcome = await workOnce(needs)
    outages = outcome === 'away' ? outages + 1 : outcome === 'idle' ? outages : 0
    const pauseMs = Math.min(MEDIA_JOBS.backoffMs * 2 ** (outages - 1), MEDIA_JOBS.longestPauseMs)
    if (outcome === 'away') resumeMs = needs.clock() + pauseMs
    return outcome
  }
}

async function makeReady(needs: WorkerNeeds, mediaId: Id): Promise<'done' | 'lost'> {
  const { store, jobs, objects, clock, random, owner } = needs
  const place = await putInPlace(mediaId, needs)
  if (place === null || place.state === 'ready') return (await jobs.end(mediaId, owner)) ? 'done' : 'lost'
  const media = await store.find(mediaId)
  if (media === null) throw new Error('there is no such media')
  const object = await objects.get(media.key)
  if (object === undefined) throw new Error('the original is gone')
  const original = new Uint8Array(await new Response(object.body).arrayBuffer())
  const variants = await makeVariants(original, media.key)
  for (const { key, bytes, contentType } of variants) {
    await objects.put(key, bytes, { contentType, cacheControl: storedCacheControl(key) })
  }
  const now = await store.place(mediaId)
  if (now?.isDeleted) {
    // Whoever removed its pictures has not seen these.
    await removeMedia(mediaId, now.avatar, needs)
    return (await jobs.end(mediaId, owner)) ? 'done' : 'lost'
  }
  if (now?.key === media.key) await copyIfPortrait(now, objects)
  const finished = { key: media.key, variants: variants.map(stored) }
  const written = await jobs.finish(mediaId, owner, finished, readyEvent(media, clock, random))
  if (written === null) {
    // Beside an original that has been moved, nothing would ever find them again.
    if ((await store.find(mediaId))?.key !== media.key) await objects.delete(variants.map(({ key }) => key))
    return 'lost'
  }
  // The outbox holds what the log does not take now.
  await needs.publish([written]).then(
    () => store.published(written),
    () => {},
  )
  return 'done'
}

/** The post and the version are filled in where they are known: in the transaction that ends the job. */
function readyEvent(
  { mediaId, userId }: Media,
  clock: PlaceNeeds['clock'],
  random: Random,
): TidelineEvent<'media.ready'> {
  const data = { mediaId, userId, postId: null, version: 0 }
  return makeEvent(
    { type: 'media.ready', key: mediaId, actor: userId, data, id: `media-ready:${mediaId}` },
    clock,
    random,
  )
}

const stored = ({ bytes: _bytes, ...variant }: Variant) => variant

/** Keeps the lease while the work lasts, within reason; a worker that loses it finds out when it finishes. */
function renewWhile({ jobs, clock, owner }: WorkerNeeds, mediaId: Id): () => void {
  const endMs = clock() + MEDIA_JOBS.longestMs
  const timer = setInterval(() => {
    if (clock() >= endMs) return clearInterval(timer)
    jobs.renew(mediaId, owner, clock() + MEDIA_JOBS.leaseMs).catch(() => {})
  }, MEDIA_JOBS.renewEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}

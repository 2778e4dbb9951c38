/** Counts every answer, and hands the counts over to the origin once in a while, after an answer. */
import type { Context } from 'hono'
import { type EdgeObservations, PICTURE_STAGES } from '#core/edge-observations.ts'
import type { Observations } from '#core/observations.ts'
import type { Config } from './config.ts'
import type { Stopwatch } from './timing.ts'

const TIMEOUT_MS = 2_000

interface Observer {
  readonly config: Config
  readonly observations: Observations
}

/** @param nowMs of the answer; a deployed Worker's clock stands still while it computes, so that resizing seems to take no time */
export function observe(
  c: Pick<Context, 'req' | 'res' | 'executionCtx'>,
  { config, observations }: Observer,
  time: Stopwatch,
  nowMs: number,
): void {
  const route = c.req.path.startsWith('/img/') ? '/img/*' : '/cdn-cgi/image/*'
  observations.answered(`${c.req.method} ${route}`, c.res.status, nowMs - time.startedMs)
  for (const [stage, ms] of time.measured()) {
    const known = PICTURE_STAGES.find((each) => each === stage)
    if (known !== undefined) observations.pictured(known, ms)
  }
  const due = observations.takeDue(nowMs)
  if (due === null || config.origin === null) return
  c.executionCtx.waitUntil(handOver(due, config.origin).catch(() => observations.putBack(due)))
}

/** @throws Error when the origin does not take it */
async function handOver(seen: EdgeObservations, origin: NonNullable<Config['origin']>): Promise<void> {
  const response = await fetch(`${origin.url}/internal/observe.edge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${origin.token}` },
    body: JSON.stringify(seen),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`the origin answered ${response.status}`)
}

/** How urgent a call of the internal API is (core/load.ts), and how many there are at a time. */
import { URGENCY } from '#core/load.ts'
import type { OriginMethod } from '#core/origin-api.ts'
import type { AdmissionLimits } from './admission.ts'

const OF_METHODS: { readonly [M in OriginMethod]?: number } = {
  // A feed whose token cannot be judged is none.
  'accounts.jwks': URGENCY.feed,
  // The edge queues what it is refused.
  'engagement.like': URGENCY.deferrable,
  'engagement.unlike': URGENCY.deferrable,
  'engagement.share': URGENCY.deferrable,
  'engagement.comment': URGENCY.deferrable,
  'engagement.editComment': URGENCY.deferrable,
  'engagement.deleteComment': URGENCY.deferrable,
  'observe.edge': URGENCY.background,
}

/** @param path of a method, or of another endpoint: the queues' and operators', which come again */
export function urgencyOfCall(path: string): number {
  if (!path.includes('.')) return URGENCY.deferrable
  return OF_METHODS[path.slice('/internal/'.length) as OriginMethod] ?? URGENCY.interactive
}

/** The edge waits two seconds for most of them, of which it spends at most a quarter in a queue. */
export const CALLS: AdmissionLimits = Object.freeze({ atOnce: 64, waiting: 128, waitMs: 500 })

/** Those that take seconds by their nature are not to stand before the others. */
export const LONG_CALLS: AdmissionLimits = Object.freeze({ atOnce: 16, waiting: 16, waitMs: 2_000 })
export const isLongCall = (path: string): boolean => path === '/internal/media.complete'

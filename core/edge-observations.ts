/**
 * What an isolate of the api Worker has seen since it last told the origin. A Worker has no page for Prometheus to read, and
 * an isolate lives for minutes: its counts are handed over and added up where they stay.
 */
import { z } from 'zod'

/** Where a read was answered: posts in the isolate's memory, posts in Redis, the reader's timeline in Redis. */
export const READ_LAYERS = ['isolate', 'post', 'timeline'] as const
export type ReadLayer = (typeof READ_LAYERS)[number]

/** How a feed page was less than it should be: see `Tideline-Degraded` in the API's description. */
export const DEGRADED_BY = ['redis', 'postgres', 'late', 'stale'] as const
export type DegradedBy = (typeof DEGRADED_BY)[number]

const count = z.number().int().min(0)

export const edgeObservations = z.object({
  /** Answers by route ("GET /v1/feed") and status: pairs of milliseconds and how many answers took so long. */
  answers: z
    .array(
      z.object({
        route: z.string().regex(/^[A-Z]+ \/[\w/:*.-]{0,100}$/),
        status: z.number().int().min(100).max(599),
        ms: z.array(z.tuple([count, count])).max(1_000),
      }),
    )
    .max(2_000),
  reads: z.array(z.object({ layer: z.enum(READ_LAYERS), hits: count, misses: count })).max(READ_LAYERS.length),
  /** Feed pages made without something that was away, or shown again because it was. */
  degraded: z.array(z.object({ by: z.enum(DEGRADED_BY), pages: count })).max(DEGRADED_BY.length),
})

export type EdgeObservations = z.infer<typeof edgeObservations>

/**
 * What an isolate of a Worker has seen since it last told the origin. A Worker has no page for Prometheus to read, and
 * an isolate lives for minutes: its counts are handed over and added up where they stay.
 */
import { z } from 'zod'
import { LOAD_CLASSES } from './load.ts'

/**
 * Who may have what is read, the nearest to the reader first: the client, whose copy a 304 confirms; the location's cache, of
 * pictures; the isolate's memory; Redis with the reader's timeline, lists of celebrities, posts; Postgres,
 * where a miss is a post that is not there any more.
 */
export const READ_LAYERS = ['client', 'picture', 'isolate', 'timeline', 'author', 'post', 'postgres'] as const
export type ReadLayer = (typeof READ_LAYERS)[number]

/** How a feed page was less than it should be: see `Tideline-Degraded` in the API's description. */
export const DEGRADED_BY = ['redis', 'postgres', 'late', 'stale'] as const
export type DegradedBy = (typeof DEGRADED_BY)[number]

/** What a picture takes that no cache has. */
export const PICTURE_STAGES = ['fetch', 'resize'] as const
export type PictureStage = (typeof PICTURE_STAGES)[number]
/** Stores and services that an isolate has a circuit breaker for; `replica` is one of Postgres' that is near. */
export const EDGE_DEPENDENCIES = ['redis', 'postgres', 'replica', 'origin', 'queue'] as const
export type EdgeDependency = (typeof EDGE_DEPENDENCIES)[number]

/** What becomes of a request that an isolate has no room for. */
export const SHED_OUTCOMES = ['refused', 'queued'] as const
export type ShedOutcome = (typeof SHED_OUTCOMES)[number]

const count = z.number().int().min(0)

/** Pairs of milliseconds and how many took so long. */
const times = z.array(z.tuple([count, count])).max(1_000)

export const edgeObservations = z.object({
  /** Answers by route ("GET /v1/feed") and status. */
  answers: z
    .array(
      z.object({
        route: z.string().regex(/^[A-Z]+ \/[\w/:*.-]{0,100}$/),
        status: z.number().int().min(100).max(599),
        ms: times,
      }),
    )
    .max(2_000),
  reads: z.array(z.object({ layer: z.enum(READ_LAYERS), hits: count, misses: count })).max(READ_LAYERS.length),
  /** Feed pages made without something that was away, or shown again because it was. */
  degraded: z.array(z.object({ by: z.enum(DEGRADED_BY), pages: count })).max(DEGRADED_BY.length),
  pictures: z
    .array(z.object({ stage: z.enum(PICTURE_STAGES), ms: times }))
    .max(PICTURE_STAGES.length)
    .default([]),
  /** Requests that were let go because there was too much to do. */
  shed: z
    .array(z.object({ kind: z.enum(LOAD_CLASSES), outcome: z.enum(SHED_OUTCOMES), requests: count }))
    .max(LOAD_CLASSES.length * SHED_OUTCOMES.length)
    .default([]),
  /** Circuit breakers that opened. */
  opened: z
    .array(z.object({ dependency: z.enum(EDGE_DEPENDENCIES), times: count }))
    .max(EDGE_DEPENDENCIES.length)
    .default([]),
})

export type EdgeObservations = z.infer<typeof edgeObservations>

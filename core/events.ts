/**
 * The events that tie the tiers together. Each has a schema here and only grows compatibly: new fields are optional,
 * old ones stay. Deliveries may repeat and come in any order: every mutable fact carries the version of its row.
 */
import { z } from 'zod'
import type { Clock, Random } from './ids.ts'

export const idSchema = z.string().regex(/^(0|[1-9]\d{0,19})$/, 'must be an id: a decimal string')
const ms = z.number().int().nonnegative()
const version = z.number().int().nonnegative()

/** What each event says beside its envelope. The key of the log is named in `EVENT_KEYS`. */
const eventData = {
  'post.created': z.object({
    postId: idSchema,
    userId: idSchema,
    version,
    /** A video's fan-out starts with media.ready; until then the post is its author's alone. */
    awaitsMedia: z.boolean().default(false),
    hashtags: z.array(z.string()).default([]),
  }),
  'post.deleted': z.object({ postId: idSchema, userId: idSchema, version }),
  'media.ready': z.object({
    mediaId: idSchema,
    userId: idSchema,
    postId: idSchema.nullable(),
    version,
  }),
  'fanout.page': z.object({
    postId: idSchema,
    userId: idSchema,
    /** Keyset page of followers: after < follower_id ≤ through. */
    after: idSchema,
    through: idSchema,
    op: z.enum(['add', 'remove']),
    /** The instant the post was accepted, for the fan-out latency metric. */
    acceptedMs: ms,
  }),
  /** The repair of an author who crosses the celebrity line, for the page of followers above `after`; the next follows from it. */
  'crossing.page': z.object({ userId: idSchema, up: z.boolean(), version, after: idSchema }),
  'post.liked': z.object({
    postId: idSchema,
    userId: idSchema,
    authorId: idSchema,
    state: z.enum(['liked', 'unliked']),
    at: ms,
    version,
  }),
  'post.commented': z.object({
    postId: idSchema,
    commentId: idSchema,
    userId: idSchema,
    authorId: idSchema,
    parentId: idSchema.nullable(),
    version,
  }),
  'comment.deleted': z.object({ postId: idSchema, commentId: idSchema, userId: idSchema, version }),
  'post.shared': z.object({ postId: idSchema, userId: idSchema, authorId: idSchema, at: ms, version }),
  'follow.changed': z.object({
    followerId: idSchema,
    followeeId: idSchema,
    state: z.enum(['active', 'requested', 'removed']),
    version,
  }),
  'block.changed': z.object({
    userId: idSchema,
    targetId: idSchema,
    kind: z.enum(['block', 'mute']),
    state: z.enum(['active', 'removed']),
    version,
  }),
  /** `isPrivate` where the account has turned private (true) or public: its posts are for others than before. */
  'user.changed': z.object({ userId: idSchema, version, isPrivate: z.boolean().optional() }),
  'celebrity.changed': z.object({ userId: idSchema, mode: z.enum(['push', 'both', 'pull']), up: z.boolean(), version }),
  'signal.seen': z.object({ userId: idSchema, postIds: z.array(idSchema).max(200), at: ms }),
  'ad.signal': z.object({ userId: idSchema, campaignId: idSchema, kind: z.enum(['impression', 'click']), at: ms }),
  media_processing: z.object({ mediaId: idSchema, userId: idSchema }),
  'search.index': z.object({ kind: z.enum(['user', 'post']), id: idSchema, version }),
} as const

export type EventType = keyof typeof eventData
export type EventData<T extends EventType> = z.output<(typeof eventData)[T]>

/** An event as it travels: on the edge queue, through ingest, in the log. */
export type TidelineEvent<T extends EventType = EventType> = {
  [K in T]: {
    /** UUIDv7, or derived from the fact when "already there" must publish the same event again. */
    id: string
    type: K
    /** Version of the data's schema. */
    version: number
    /** Unix milliseconds. */
    time: number
    actor: string | null
    /** Entity whose events keep their order in one partition. */
    key: string
    /** W3C Trace Context, carried from the request to the last consumer. */
    traceparent: string | null
    data: EventData<K>
  }
}[T]

/**
 * Events that travel in another's topic: an author's change of mode among that author's posts, so that fan-out meets both in the
 * order they were made (docs/correctness.md, rule 12); pages of its repair among the other pages of followers.
 */
const CARRIED = { 'celebrity.changed': 'post.created', 'crossing.page': 'fanout.page' } as const
type Carried = typeof CARRIED

/** The topic of an event: its type, unless it travels in another's. */
export type Topic = Exclude<EventType, keyof Carried>
/** The events that a topic carries. */
export type EventsOf<T extends Topic> = T | { [K in keyof Carried]: Carried[K] extends T ? K : never }[keyof Carried]
export const topicOf = (type: EventType): Topic =>
  type === 'celebrity.changed' || type === 'crossing.page' ? CARRIED[type] : type

export const EVENT_TYPES = Object.keys(eventData) as EventType[]

const envelope = {
  id: z.string().min(1).max(200),
  version: z.number().int().positive(),
  time: ms,
  actor: idSchema.nullable(),
  key: z.string().min(1).max(200),
  traceparent: z.string().max(200).nullable().default(null),
}

const schemas = Object.fromEntries(
  EVENT_TYPES.map((type) => [type, z.object({ ...envelope, type: z.literal(type), data: eventData[type] })]),
) as unknown as { [T in EventType]: z.ZodType<TidelineEvent<T>> }

/**
 * Reads an event that came over a queue or the log.
 * @throws z.ZodError when it is not an event we know, which makes it a dead letter
 */
export function parseEvent(body: unknown): TidelineEvent {
  const type = z.object({ type: z.enum(EVENT_TYPES as [EventType, ...EventType[]]) }).parse(body).type
  return schemas[type].parse(body)
}

export interface EventInit<T extends EventType> {
  type: T
  key: string
  actor: string | null
  data: EventData<T>
  traceparent?: string | null
  /** Derived id, for facts whose repetition must publish the same event. */
  id?: string
}

/** Makes an event of schema version 1. */
export function makeEvent<T extends EventType>(init: EventInit<T>, clock: Clock, random: Random): TidelineEvent<T> {
  return {
    id: init.id ?? uuidv7(clock, random),
    type: init.type,
    version: 1,
    time: clock(),
    actor: init.actor,
    key: init.key,
    traceparent: init.traceparent ?? null,
    data: init.data,
  } as TidelineEvent<T>
}

/** UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, then chance. */
export function uuidv7(clock: Clock, random: Random): string {
  const time = clock().toString(16).padStart(12, '0')
  const bits = (n: number) => Math.floor(random() * 2 ** n)
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
  const high = hex(0x7000 | bits(12), 4)
  const low = hex(0x8000 | bits(14), 4)
  return `${time.slice(0, 8)}-${time.slice(8)}-${high}-${low}-${hex(bits(24), 6)}${hex(bits(24), 6)}`
}

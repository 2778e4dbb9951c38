/**
 * What the edge asks of the origin: one POST /internal/<method> each, JSON in and out, a service token for
 * authentication, problems (RFC 9457) for errors. Relational writes never go this way: the edge makes those itself.
 */
import { z } from 'zod'
import { edgeObservations } from './edge-observations.ts'
import { idSchema } from './events.ts'

/** As long as the edge lets through: what is no cursor is then said by the list, in its own words. */
const page = { limit: z.number().int().min(1).max(200), cursor: z.string().max(1_000).nullable() }
const tokens = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  /** Seconds until the access token expires. */
  expiresIn: z.number().int(),
  userId: idSchema,
  username: z.string(),
})

const comment = z.object({
  commentId: idSchema,
  postId: idSchema,
  userId: idSchema,
  parentId: idSchema.nullable(),
  body: z.string(),
  createdMs: z.number(),
  editedMs: z.number().nullable(),
  deleted: z.boolean(),
})

const upload = z.object({
  mediaId: idSchema,
  key: z.string(),
  /** One PUT for a small file; a URL a part for a large one, in order, each part of `partBytes` but the last. */
  uploads: z.array(z.object({ url: z.string(), headers: z.record(z.string(), z.string()) })),
  partBytes: z.number().int().nullable(),
  expiresMs: z.number(),
})

const mediaState = z.object({
  mediaId: idSchema,
  userId: idSchema,
  key: z.string(),
  state: z.enum(['awaiting_upload', 'uploaded', 'ready', 'failed']),
  type: z.enum(['image', 'video']),
  width: z.number().nullable(),
  height: z.number().nullable(),
  blur: z.string().nullable(),
  alt: z.string(),
  failure: z.string().nullable(),
})

const hit = <T extends z.ZodRawShape>(shape: T) =>
  z.object({ items: z.array(z.object(shape)), cursor: z.string().nullable() })

export const originApi = {
  'accounts.register': {
    input: z.object({
      username: z.string(),
      email: z.string(),
      password: z.string(),
      displayName: z.string().default(''),
      /** Under one key one account, and one answer (correctness 19). */
      idempotencyKey: z.string().min(1).max(255).nullable().default(null),
    }),
    /** `replayed`: the account was made by an earlier request under this key. */
    output: tokens.extend({ replayed: z.boolean() }),
  },
  'accounts.signIn': { input: z.object({ login: z.string(), password: z.string() }), output: tokens },
  'accounts.refresh': { input: z.object({ refreshToken: z.string() }), output: tokens },
  'accounts.signOut': { input: z.object({ refreshToken: z.string() }), output: z.object({}) },
  'accounts.jwks': { input: z.object({}), output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }) },
  'engagement.like': {
    input: z.object({ postId: idSchema, authorId: idSchema, userId: idSchema, at: z.number().int() }),
    output: z.object({ result: z.enum(['added', 'already']), version: z.number() }),
  },
  'engagement.unlike': {
    input: z.object({ postId: idSchema, authorId: idSchema, userId: idSchema, at: z.number().int() }),
    output: z.object({ result: z.enum(['removed', 'absent']), version: z.number() }),
  },
  'engagement.likers': {
    input: z.object({ postId: idSchema, ...page }),
    output: hit({ userId: idSchema, at: z.number() }),
  },
  'engagement.likedAmong': {
    input: z.object({ userId: idSchema, postIds: z.array(idSchema).max(200) }),
    output: z.object({ liked: z.array(idSchema) }),
  },
  'engagement.comment': {
    input: z.object({
      commentId: idSchema,
      postId: idSchema,
      authorId: idSchema,
      userId: idSchema,
      parentId: idSchema.nullable(),
      body: z.string().min(1).max(2200),
    }),
    output: comment,
  },
  'engagement.comments': {
    input: z.object({ postId: idSchema, parentId: idSchema.nullable(), ...page }),
    /** `hasReplies` on comments at the top. */
    output: z.object({
      items: z.array(comment.extend({ hasReplies: z.boolean().optional() })),
      cursor: z.string().nullable(),
    }),
  },
  'engagement.editComment': {
    input: z.object({
      commentId: idSchema,
      postId: idSchema,
      authorId: idSchema,
      userId: idSchema,
      body: z.string().min(1).max(2200),
      /** Of two edits the later one stands, whichever comes first. */
      at: z.number().int(),
    }),
    /** Null: the comment was promised with a 202 and has not come; the edit is kept for it. */
    output: comment.nullable(),
  },
  'engagement.deleteComment': {
    input: z.object({ postId: idSchema, commentId: idSchema, userId: idSchema, postAuthorId: idSchema }),
    output: z.object({}),
  },
  'engagement.share': {
    input: z.object({ postId: idSchema, authorId: idSchema, userId: idSchema, at: z.number().int() }),
    output: z.object({ result: z.enum(['added', 'already']) }),
  },
  'media.create': {
    input: z.object({
      mediaId: idSchema,
      userId: idSchema,
      contentType: z.string(),
      bytes: z.number().int().positive(),
      /** Hex; when given, the upload is refused at complete unless it matches. */
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullable(),
      alt: z.string().max(1000).default(''),
      /** Asks for parts; a large file comes in parts anyway. */
      multipart: z.boolean().default(false),
    }),
    output: upload,
  },
  'media.complete': {
    input: z.object({
      mediaId: idSchema,
      userId: idSchema,
      parts: z.array(z.object({ part: z.number(), etag: z.string() })).nullable(),
    }),
    output: mediaState,
  },
  /** Before a picture becomes its owner's own, which everyone may see. */
  'media.openForAll': { input: z.object({ mediaId: idSchema, userId: idSchema }), output: z.object({}) },
  'media.get': { input: z.object({ mediaId: idSchema }), output: mediaState },
  'search.users': {
    input: z.object({ q: z.string().min(1).max(100), ...page }),
    output: hit({ userId: idSchema }),
  },
  'search.hashtags': {
    input: z.object({ q: z.string().min(1).max(100), ...page }),
    output: hit({ tag: z.string(), posts: z.number() }),
  },
  'search.posts': {
    input: z.object({ q: z.string().min(1).max(200), ...page }),
    output: hit({ postId: idSchema }),
  },
  /** What an isolate has counted since it last said so; every process of the origin takes it. */
  'observe.edge': { input: edgeObservations, output: z.object({}) },
} as const

export type OriginMethod = keyof typeof originApi
export type OriginInput<M extends OriginMethod> = z.input<(typeof originApi)[M]['input']>
export type OriginOutput<M extends OriginMethod> = z.output<(typeof originApi)[M]['output']>

/** Headers that carry a request's identity from the edge through the origin and the log. */
export const REQUEST_ID_HEADER = 'x-request-id'
export const TRACEPARENT_HEADER = 'traceparent'

/** What the fan-out consumer hands over: each message is judged by itself. */
export const ingestRequest = z.object({
  queue: z.enum(['events', 'deferred-writes']),
  messages: z.array(z.object({ id: z.string(), attempts: z.number().int(), body: z.unknown() })).max(100),
})

export type IngestQueue = z.infer<typeof ingestRequest>['queue']

/**
 * How the consumer of a dead-letter queue calls a message whose tries ran out, which only an outage does: the origin
 * replays such letters by itself.
 */
export const RETRIES_EXHAUSTED = 'retries exhausted'

export const ingestResponse = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      /** done: acknowledge; retry: not now; dead: never, with the reason. */
      outcome: z.enum(['done', 'retry', 'dead']),
      reason: z.string().optional(),
    }),
  ),
})

/** What the edge queues gave up on, on its way to durable storage. */
export const deadLettersRequest = z.object({
  queue: z.enum(['events', 'deferred-writes']),
  letters: z
    .array(z.object({ id: z.string(), attempts: z.number().int(), reason: z.string().max(1000), body: z.unknown() }))
    .max(100),
})

/** A write that the edge accepted with 202 because its store was away; applied at the origin, once. */
export const deferredWrite = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('post.create'),
    /** The idempotency key, given or made, under which this write counts once. */
    idempotencyKey: z.string(),
    requestHash: z.string(),
    postId: idSchema,
    userId: idSchema,
    caption: z.string(),
    mediaIds: z.array(idSchema),
    hashtags: z.array(z.string()),
    acceptedMs: z.number().int(),
    traceparent: z.string().nullable(),
  }),
  z.object({
    kind: z.enum([
      'engagement.like',
      'engagement.unlike',
      'engagement.comment',
      'engagement.share',
      'engagement.editComment',
      'engagement.deleteComment',
    ]),
    input: z.record(z.string(), z.unknown()),
    /** The client's, for comments: a like or a share counts once anyway. */
    idempotencyKey: z.string().optional(),
    requestHash: z.string().optional(),
    traceparent: z.string().nullable(),
  }),
])
export type IngestRequest = z.infer<typeof ingestRequest>
export type IngestResponse = z.infer<typeof ingestResponse>
export type DeadLettersRequest = z.infer<typeof deadLettersRequest>
export type DeferredWrite = z.infer<typeof deferredWrite>

/** Shapes that several routes share, and the words in which the OpenAPI document describes answers. */
import { z } from '@hono/zod-openapi'
import { parseId } from '#core/ids.ts'

/** A 64-bit id as a decimal string. */
export const id = z
  .string()
  .refine((text) => parseId(text) !== null, 'This must be an id: a decimal string of an unsigned 64-bit integer.')
  .openapi({ example: '7268831462144', pattern: '^(0|[1-9]\\d{0,19})$' })

/** Postgres refuses U+0000, and half of a surrogate pair would come back as another character. */
const isStorable = (written: string) => !written.includes('\0') && written.isWellFormed()

/** What people write: every text that goes to a store begins as this. */
export const writing = () => z.string().refine(isStorable, 'This holds a character that cannot be kept.')

export const instant = z.iso.datetime()

const NOT_A_CURSOR = 'This cursor is not one that this list has given. Leave it out to start from the first page.'

/** @param longest characters of the longest cursor that the list gives */
export const cursorParam = (longest: number) =>
  z
    .string()
    .min(1, NOT_A_CURSOR)
    .max(longest, NOT_A_CURSOR)
    .optional()
    .openapi({ description: 'From the page before. Opaque.' })

export const pageQuery = (limit = 20, most = 100) =>
  z.strictObject({
    limit: z.coerce.number().int().min(1).max(most).default(limit),
    cursor: cursorParam(1_000),
  })

export const idParams = z.strictObject({ id })

export const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), cursor: z.string().nullable() })

export const Person = z
  .object({ id, username: z.string(), displayName: z.string(), avatar: z.string().nullable() })
  .openapi('Person')

export const Media = z
  .object({
    id,
    type: z.enum(['image', 'video']),
    width: z.number().int(),
    height: z.number().int(),
    alt: z.string(),
    blur: z.string().nullable().openapi({ description: 'thumbhash, base64' }),
    urls: z.object({ thumb: z.string(), small: z.string(), medium: z.string(), large: z.string() }).openapi({
      description:
        'Ready to be fetched. Those of a private account are signed for one to two hours: read the post again after a 403.',
    }),
    playlist: z.string().optional(),
  })
  .openapi('Media')

export const Post = z
  .object({
    id,
    author: Person,
    caption: z.string(),
    hashtags: z.array(z.string()),
    media: z.array(Media),
    createdAt: instant,
    likeCount: z.number().int(),
    commentCount: z.number().int(),
    liked: z.boolean(),
    /** Present and true while a video has no rendition: only the author sees the post. */
    awaitsMedia: z.boolean().optional(),
  })
  .openapi('Post')

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string().optional(),
    instance: z.string().optional(),
    requestId: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .openapi('Problem')

export const Accepted = z.object({ status: z.literal('accepted'), id: id.optional() }).openapi('Accepted', {
  description: 'The store of this write is away or busy; it is kept in a queue and applied once.',
})

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})

export const body = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
})

export const empty = (description: string) => ({ description })

const problem = (description: string) => ({
  content: { 'application/problem+json': { schema: ProblemSchema } },
  description,
})

const PROBLEMS = {
  400: problem('The request does not fit its schema; `errors` says where.'),
  401: problem('No access token, or one that does not count.'),
  403: problem('It is somebody else’s.'),
  404: problem('There is no such thing, or it is not for this viewer.'),
  409: problem('It conflicts with what is there.'),
  413: problem('The body has more than may be sent, or what it announces is too large.'),
  415: problem('The body, or a file that it announces, is of a type that is not taken.'),
  422: problem('It cannot be done as asked.'),
  429: problem('Too many requests; see Retry-After.'),
  503: problem(
    'What it needs cannot be reached, or there is more to do than can be done in time (`overloaded`); see Retry-After.',
  ),
} as const

/** The refusals a route may answer with, beside those every route has. */
export function refusals<S extends keyof typeof PROBLEMS>(
  ...statuses: S[]
): Pick<typeof PROBLEMS, S | 400 | 429 | 503> {
  return Object.fromEntries([400, 429, 503, ...statuses].map((status) => [status, PROBLEMS[status as S]])) as Pick<
    typeof PROBLEMS,
    S | 400 | 429 | 503
  >
}

/**
 * A conditional read. Documented and not validated, as all of `parameters`: a schema would walk every header of every request.
 */
export const ifNoneMatch = {
  name: 'If-None-Match',
  in: 'header' as const,
  description: 'The `ETag` of the copy that the client has: 304 where it is the newest.',
  schema: { type: 'string' as const },
}
export const etagHeader = {
  ETag: {
    description: 'Of what is shown, to be sent as `If-None-Match` with the next read.',
    schema: { type: 'string' as const },
  },
}

/** The answers of a conditional read that succeeds. */
export const conditional = <T extends z.ZodType>(schema: T, description: string) => ({
  200: { ...json(schema, description), headers: etagHeader },
  304: { description: 'Unchanged: the client has this.', headers: etagHeader },
})

export const signedIn = [{ bearer: [] }]
/** Works without signing in, and may show more to those who have. */
export const maybeSignedIn = [{}, { bearer: [] }]

export const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'This must be 1 to 255 printable characters without blanks.')
    .optional()
    .openapi({ description: 'Repeating a request under the same key answers the first answer again; kept 24 hours.' }),
})

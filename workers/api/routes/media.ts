/** Uploads: the origin presigns, clients send the bytes straight to the object store. */
import { createRoute, z } from '@hono/zod-openapi'
import { idShard } from '#core/ids.ts'
import type { OriginOutput } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import { type App, requireViewer } from '../context.ts'
import { once } from '../middleware/idempotency.ts'
import { body, id, idempotencyHeader, idParams, instant, json, refusals, signedIn, writing } from './schemas.ts'

export const NewMedia = z.strictObject({
  contentType: z
    .string()
    .regex(/^(image|video)\/[a-z0-9.+-]{1,60}$/, 'This must be the type of an image or a video, as in image/jpeg.'),
  bytes: z.number().int().positive(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'This must be a SHA-256 in 64 digits of lower-case hex.')
    .nullable()
    .default(null),
  alt: writing().max(1_000).default(''),
  multipart: z
    .boolean()
    .default(false)
    .openapi({ description: 'Asks for parts. A file of more than 8 MiB comes in parts anyway.' }),
})
export const Upload = z
  .object({
    id,
    key: z.string(),
    uploads: z
      .array(z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }))
      .openapi({ description: 'One PUT, or one a part in order.' }),
    partBytes: z
      .number()
      .int()
      .nullable()
      .openapi({ description: 'Bytes of each part but the last; null: the file goes whole into the one PUT.' }),
    expiresAt: instant,
  })
  .openapi('Upload')
export const CompleteMedia = z.strictObject({
  parts: z
    .array(z.strictObject({ part: z.number().int().min(1).max(10_000), etag: writing().min(1).max(200) }))
    .max(10_000)
    .nullable()
    .default(null)
    .openapi({
      description:
        'Each part with the ETag that its PUT answered, to be compared with what has arrived; null: not compared.',
    }),
})
export const MediaState = z
  .object({
    id,
    key: z.string(),
    state: z.enum(['awaiting_upload', 'uploaded', 'ready', 'failed']),
    type: z.enum(['image', 'video']),
    width: z.number().nullable(),
    height: z.number().nullable(),
    blur: z.string().nullable(),
    alt: z.string(),
    failure: z.string().nullable(),
  })
  .openapi('MediaState')

const common = { tags: ['media'], security: signedIn }
const create = createRoute({
  ...common,
  operationId: 'createMedia',
  summary: 'Announce an upload.',
  description: 'Answers where to PUT the bytes, whole or in parts. Say with `completeMedia` when they are there.',
  method: 'post',
  path: '/v1/media',
  request: { headers: idempotencyHeader, body: body(NewMedia) },
  responses: { 201: json(Upload, 'Where to send the bytes.'), ...refusals(401, 413, 415, 422) },
})
const complete = createRoute({
  ...common,
  operationId: 'completeMedia',
  summary: 'Say that an upload’s bytes have arrived.',
  description: 'They are checked: what does not fit the announcement is refused and gone. It may be repeated.',
  method: 'post',
  path: '/v1/media/{id}/complete',
  request: { headers: idempotencyHeader, params: idParams, body: body(CompleteMedia) },
  responses: { 200: json(MediaState, 'Checked and taken.'), ...refusals(401, 403, 404, 409, 413, 415, 422) },
})
const show = createRoute({
  ...common,
  operationId: 'getMedia',
  summary: 'Show how far one of your uploads is.',
  method: 'get',
  path: '/v1/media/{id}',
  request: { params: idParams },
  responses: { 200: json(MediaState, 'How far it is.'), ...refusals(401, 404) },
})

function present({ mediaId, userId: _, ...state }: OriginOutput<'media.get'>) {
  return { id: mediaId, ...state }
}

export function registerMedia(app: App): void {
  app.openapi(create, async (c) => {
    const { userId } = requireViewer(c)
    const { ids, origin } = c.get('services')
    const wanted = c.req.valid('json')
    const answer = await once(
      c,
      userId,
      () => ids.next(idShard(userId)),
      async (mediaId, key) => {
        // A second slot for one upload, or a clear refusal (design §7): uploads cannot wait in a queue.
        if (key?.isDecided === false) throw problems.away('The database')
        const upload = await origin.call('media.create', { ...wanted, mediaId, userId }, c.get('trace'))
        const { mediaId: id, expiresMs, ...rest } = upload
        return { status: 201, body: { id, ...rest, expiresAt: new Date(expiresMs).toISOString() } }
      },
    )
    c.header('cache-control', 'no-store')
    return c.json(answer.body as z.output<typeof Upload>, 201)
  })

  app.openapi(complete, async (c) => {
    const { userId } = requireViewer(c)
    const mediaId = c.req.valid('param').id
    const { parts } = c.req.valid('json')
    const { origin } = c.get('services')
    const answer = await once(
      c,
      userId,
      () => null,
      async () => {
        const state = await origin.call('media.complete', { mediaId, userId, parts }, c.get('trace'))
        return { status: 200, body: present(state) }
      },
    )
    return c.json(answer.body as z.output<typeof MediaState>, 200)
  })

  app.openapi(show, async (c) => {
    const { userId } = requireViewer(c)
    const mediaId = c.req.valid('param').id
    const state = await c.get('services').origin.call('media.get', { mediaId }, c.get('trace'))
    if (state.userId !== userId) throw problems.notFound('upload')
    return c.json(present(state), 200)
  })
}

/** The image Worker's routes: parse → verify → cache → make → answer. */

import { type Context, Hono } from 'hono'
import { type AcceptClass, acceptClass } from '#core/image/negotiate.ts'
import { DEFAULT_OPTIONS, PRESET_WIDTHS } from '#core/image/options.ts'
import { refusals } from '#core/image/refusal.ts'
import { verifyForgetting, verifyImageRequest } from '#core/image/sign.ts'
import { type ImageRequest, parseImageUrl } from '#core/image/url.ts'
import type { Observations } from '#core/observations.ts'
import { Problem } from '#core/problem.ts'
import type { Bindings, Config } from './config.ts'
import { observe } from './observe.ts'
import type { OriginalStore } from './originals.ts'
import { matchesEtag, problemResponse, secureHeaders, variantHeaders } from './respond.ts'
import { createStopwatch, type Stopwatch } from './timing.ts'
import { makeVariant, type Variant, type VariantMaker } from './variant.ts'
import { type VariantCache, type VariantName, variantName } from './variant-cache.ts'

/** What a request needs, wired in index.ts. */
export interface ImageServices extends VariantMaker {
  readonly config: Config
  readonly originals: OriginalStore
  readonly cache: VariantCache
  /** What this isolate has counted and not told yet. */
  readonly observations: Observations
}

export interface ImageAppSettings {
  /** Called once a request; a throw is a 500 with the sentence in the log only. */
  services(env: Bindings): ImageServices
  /** Milliseconds since 1970. */
  now(): number
  newRequestId(): string
  log(entry: Record<string, unknown>): void
}

interface Variables {
  requestId: string
  time: Stopwatch
  services?: ImageServices
  image?: ImageRequest
}

type ImageEnvironment = { Bindings: Bindings; Variables: Variables }
type ImageContext = Context<ImageEnvironment>

/** Statuses whose problem is kept under the variant's name, so that a broken file is not fetched and judged each time. */
const KEPT_REFUSALS = new Set([404, 413, 415, 422])

export function createImageApp(settings: ImageAppSettings): Hono<ImageEnvironment> {
  const app = new Hono<ImageEnvironment>()

  app.use(async function frame(c, next) {
    const given = c.req.header('x-request-id') ?? ''
    const requestId = /^[0-9A-Za-z._-]{8,64}$/.test(given) ? given : settings.newRequestId()
    c.set('requestId', requestId)
    c.set('time', createStopwatch(settings.now))
    await next()
    // Straight into the answer: `c.header` would make the answer anew for each.
    const { headers } = c.res
    headers.set('x-request-id', requestId)
    const timing = c.var.time.header()
    if (timing) headers.set('server-timing', timing)
    secureHeaders(headers)
    const { services, time } = c.var
    if (services) observe(c, services, time, settings.now())
  })

  const image = (c: ImageContext) => serveImage(c, settings)
  app.get('/img/*', image)
  app.get('/cdn-cgi/image/*', image)
  app.delete('/img/*', (c) => forgetImage(c, settings))
  app.all('*', (c) => {
    const known = /^\/(img|cdn-cgi\/image)\//.test(c.req.path)
    throw known
      ? new Problem({
          status: 405,
          code: 'method-not-allowed',
          title: 'Method not allowed',
          detail: 'Images are read with GET or HEAD.',
          headers: { allow: 'GET, HEAD' },
        })
      : new Problem({ status: 404, code: 'not-found', title: 'Not found', detail: 'There is nothing at this address.' })
  })

  app.onError((fault, c) => answerFault(fault, c, settings))
  return app
}

async function serveImage(c: ImageContext, settings: ImageAppSettings): Promise<Response> {
  const services = settings.services(c.env)
  c.set('services', services)
  const now = Math.floor(settings.now() / 1000)
  const { url } = c.req
  const image = parseImageUrl(url)
  c.set('image', image)
  await verifyImageRequest(image, services.config.signingKeys, now)

  const accepted = acceptClass(c.req.header('accept'), services.engine.outputs)
  const name = variantName(image, accepted, services.engine.version, originOf(url))
  const headers = variantHeaders(image, { etag: name.etag, now })
  if (matchesEtag(c.req.header('if-none-match'), name.etag)) return new Response(null, { status: 304, headers })

  const cached = image.source.private ? undefined : await services.cache.match(name)
  // Private pictures lie in no shared cache, which therefore cannot miss them.
  if (!image.source.private) services.observations.read('picture', cached ? 1 : 0, cached ? 0 : 1)
  if (cached) {
    c.var.time.note('cache', 'hit')
    if ('refusal' in cached) throw cached.refusal
    return answer(cached.variant, headers)
  }
  const making = makeOrNote(c, services, image, accepted, name)
  // A request whose client has gone, as of a picture that was scrolled past, is ended by the runtime where it stands: the
  // memory that it has reserved would never be given back.
  c.executionCtx.waitUntil(making.catch(() => {}))
  const made = await making
  if (!image.source.private) {
    c.executionCtx.waitUntil(services.cache.putVariant(name, made.bytes, made.contentType))
  }
  headers.set('content-type', made.contentType)
  headers.set('content-length', String(made.bytes.length))
  return new Response(made.bytes, { headers })
}

/**
 * The picture was deleted: where its presets lay in this location's cache, in every format, lies for a while that there is
 * none, so that nothing is made anew of an original that is about to go. Sizes that were signed one by one are left to
 * the purge by tag.
 */
async function forgetImage(c: ImageContext, settings: ImageAppSettings): Promise<Response> {
  const { config, cache, engine } = settings.services(c.env)
  const image = parseImageUrl(c.req.url)
  await verifyForgetting(image, config.signingKeys, Math.floor(settings.now() / 1000))
  const classes = new Set(FORMATS_ACCEPTED.map((type) => acceptClass(type, engine.outputs)))
  const origin = originOf(c.req.url)
  for (const width of PRESET_WIDTHS) {
    for (const accepted of classes) {
      const preset = { source: image.source, options: { ...DEFAULT_OPTIONS, width } }
      const name = variantName(preset, accepted, engine.version, origin)
      await cache.putRefusal(name, refusals.missing(), FORGOTTEN_SECONDS)
    }
  }
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
}

/** Of a request's address, which its runtime has normalised: scheme and host, to the path. */
const originOf = (url: string) => url.slice(0, url.indexOf('/', 'https://'.length))

/** An Accept header for each of the formats that a variant may be kept in. */
const FORMATS_ACCEPTED = ['image/avif', 'image/webp', '*/*']

/** By then the origin has removed the original, or is away. */
const FORGOTTEN_SECONDS = 60

/** Makes the variant; a lasting reason why it cannot be made is kept under its name before it is thrown on. */
async function makeOrNote(
  c: ImageContext,
  services: ImageServices,
  image: ImageRequest,
  accepted: AcceptClass,
  name: VariantName,
): Promise<Variant> {
  try {
    return await makeVariant(services, services.originals, image, accepted, c.var.time)
  } catch (fault) {
    if (fault instanceof Problem && KEPT_REFUSALS.has(fault.status) && !image.source.private) {
      c.executionCtx.waitUntil(services.cache.putRefusal(name, fault))
    }
    throw fault
  }
}

/** The variant with this request's headers; what a cache adds of its own (age, status) goes. */
function answer(variant: Response, headers: Headers): Response {
  for (const kept of ['content-type', 'content-length']) {
    const value = variant.headers.get(kept)
    if (value !== null) headers.set(kept, value)
  }
  return new Response(variant.body, { headers })
}

function answerFault(fault: unknown, c: ImageContext, settings: ImageAppSettings): Response {
  const { requestId, image } = c.var
  const problem = fault instanceof Problem ? fault : internal(fault)
  if (problem.status >= 500) {
    const cause = problem.cause instanceof Error ? (problem.cause.stack ?? problem.cause.message) : problem.cause
    settings.log({ level: 'error', message: problem.message, code: problem.code, requestId, cause })
  }
  // An unreadable address might have meant a private picture: its refusal says nothing that could be kept wrongly.
  const isPrivate = image?.source.private ?? false
  return problemResponse(problem, c.req.path, requestId, isPrivate)
}

function internal(cause: unknown): Problem {
  return new Problem({
    status: 500,
    code: 'internal',
    title: 'Internal error',
    detail: 'Something went wrong on our side.',
    cause,
  })
}

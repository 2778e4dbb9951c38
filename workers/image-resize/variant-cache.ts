/** Finished variants in the data centre's cache, under one name each, however their address was spelled. */
import type { AcceptClass } from '#core/image/negotiate.ts'
import { type ImageRequest, imagePath } from '#core/image/url.ts'
import { Problem, type ProblemInit } from '#core/problem.ts'
import { cacheTag, MAX_AGE_SECONDS, refusalSeconds } from './respond.ts'

export interface VariantName {
  /** The Cache API's key: a URL, without signature and expiry, which are checked before. */
  readonly url: string
  /**
   * Tells apart what one address may answer: the formats, and what different engines make. Weak (RFC 9110 §8.8.1): the same
   * picture at the same size, whether it was made here or by the media tier.
   */
  readonly etag: string
  /** What a purge of the original names. */
  readonly tag: string
}

/** @param origin of the request: the Cache API keeps zones apart. */
export function variantName(
  request: ImageRequest,
  accepted: AcceptClass,
  engineVersion: string,
  origin: string,
): VariantName {
  const { source, options } = request
  const format = options.format === 'auto' ? accepted : 'fixed'
  const url = `${origin}${imagePath(source.key, options)}?as=${format}&engine=${engineVersion}`
  return { url, etag: `W/"${engineVersion}-${format}"`, tag: cacheTag(request) }
}

/** A variant as it was made, or the reason why there is none. */
export type CachedVariant = { readonly variant: Response } | { readonly refusal: Problem }

export interface VariantCache {
  match(name: VariantName): Promise<CachedVariant | undefined>
  putVariant(name: VariantName, bytes: Uint8Array, contentType: string): Promise<void>
  /** @param seconds how long it is kept; by its status where left out */
  putRefusal(name: VariantName, refusal: Problem, seconds?: number): Promise<void>
}

const PROBLEM_TYPE = 'application/problem+json'

/**
 * The Cache API behind the port. A failing cache is a miss, never an error: the picture can always be made again.
 * Stored are bytes and type only; headers that depend on the request are set anew on every answer.
 */
export function edgeVariantCache(cache: Cache, log: (message: string, fault: unknown) => void): VariantCache {
  const put = async (name: VariantName, body: BodyInit, contentType: string, seconds: number) => {
    const cacheControl = `public, max-age=${seconds}`
    const headers = { 'content-type': contentType, 'cache-control': cacheControl, 'cache-tag': name.tag }
    try {
      await cache.put(new Request(name.url), new Response(body, { headers }))
    } catch (fault) {
      log('the variant cache could not be written', fault)
    }
  }
  return {
    async match({ url }) {
      try {
        const response = await cache.match(url)
        if (response?.headers.get('content-type') !== PROBLEM_TYPE) return response && { variant: response }
        return { refusal: new Problem(await response.json<ProblemInit>()) }
      } catch (fault) {
        log('the variant cache could not be read', fault)
        return undefined
      }
    },
    putVariant: (name, bytes, contentType) => put(name, bytes, contentType, MAX_AGE_SECONDS),
    // As a 200: caches keep few other statuses, and the request id in the answer has to be a new one each time.
    putRefusal(name, { status, code, title, detail, headers }, seconds = refusalSeconds(status)) {
      const init: ProblemInit = { status, code, title, headers, ...(detail === undefined ? {} : { detail }) }
      return put(name, JSON.stringify(init), PROBLEM_TYPE, seconds)
    },
  }
}

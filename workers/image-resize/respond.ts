/** The headers of every answer: how long it may be kept and by whom, and what a browser may do with it. */

import { mediaTag } from '#core/image/key.ts'
import type { ImageRequest } from '#core/image/url.ts'
import type { Problem } from '#core/problem.ts'

/** A week: keys name their content, so nothing under them ever changes; a week bounds what a deletion has to purge. */
export const MAX_AGE_SECONDS = 604_800

/**
 * Seconds that refusals are kept. An upload may appear a moment after the first request for it; a broken file stays broken.
 */
const REFUSAL_SECONDS: Readonly<Record<number, number>> = Object.freeze({
  400: 300,
  403: 10,
  404: 10,
  413: 60,
  415: 60,
  422: 60,
})

/** How long a refusal with this status is kept; 0 for those that pass by themselves. */
export const refusalSeconds = (status: number): number => REFUSAL_SECONDS[status] ?? 0

/**
 * Public pictures: a week, immutable. With an expiry never beyond it. Private ones: only in the viewer's own cache.
 * @param now seconds since 1970.
 */
export function cacheControl({ source, signature }: ImageRequest, now: number): string {
  const left = signature?.expires === undefined ? MAX_AGE_SECONDS : signature.expires - now
  const age = Math.max(0, Math.min(MAX_AGE_SECONDS, Math.floor(left)))
  if (source.private) return `private, max-age=${age}`
  return age < MAX_AGE_SECONDS ? `public, max-age=${age}` : `public, max-age=${age}, immutable`
}

/** On every answer, pictures and problems: an image host must never become a page or a script of ours. */
export function secureHeaders(headers: Headers): void {
  headers.set('x-content-type-options', 'nosniff')
  headers.set('content-security-policy', "default-src 'none'; sandbox")
  headers.set('cross-origin-resource-policy', 'cross-origin')
  headers.set('access-control-allow-origin', '*')
  headers.set('timing-allow-origin', '*')
}

/** One tag for all variants of an original, so that a deletion is one purge. */
export const cacheTag = ({ source }: ImageRequest) => mediaTag(source.key.split('/')[1] ?? '')

export function variantHeaders(
  request: ImageRequest,
  { etag, now }: { readonly etag: string; readonly now: number },
): Headers {
  const headers = new Headers({ 'cache-control': cacheControl(request, now), etag })
  if (request.options.format === 'auto') headers.set('vary', 'Accept')
  if (!request.source.private) headers.set('cache-tag', cacheTag(request))
  return headers
}

/**
 * @param isPrivate nothing about a private picture goes into a shared cache, not even that it is missing.
 */
export function problemResponse(problem: Problem, instance: string, requestId: string, isPrivate: boolean): Response {
  const response = problem.toResponse(instance, requestId)
  const seconds = refusalSeconds(problem.status)
  const kept = seconds === 0 || isPrivate ? 'no-store' : `public, max-age=${seconds}`
  response.headers.set('cache-control', kept)
  return response
}

/** Whether If-None-Match (RFC 9110 §13.1.2, weak comparison) names this tag. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (!ifNoneMatch) return false
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '')
  return ifNoneMatch.split(',').some((candidate) => opaque(candidate) === opaque(etag))
}

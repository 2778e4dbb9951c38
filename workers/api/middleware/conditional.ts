/** Conditional reads (RFC 9110 §13): tags from versions, so that 304 costs no rendering and no hash of a body. */
import type { AppContext } from '../context.ts'

/** A weak tag of the versions that an answer depends on. */
export function weakTag(...versions: (string | number | boolean | null)[]): string {
  return `W/"${versions.join('-')}"`
}

/** True when the client has this version already. */
export function matches(ifNoneMatch: string | null, tag: string): boolean {
  if (ifNoneMatch === null) return false
  if (ifNoneMatch === '*') return true
  const bare = tag.replace(/^W\//, '')
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === bare)
}

/** Sets the tag; answers 304 when the client has this version, else null. */
export function notModified(c: AppContext, tag: string): Response | null {
  c.header('etag', tag)
  c.header('cache-control', 'private, no-cache')
  return matches(c.req.raw.headers.get('if-none-match'), tag) ? c.body(null, 304) : null
}

/** A tag of an answer's own text, for lists that have no version: FNV-1a, 53 bits are plenty for one client's copies. */
export function textTag(text: string): string {
  let high = 0x811c9dc5
  let low = 0x1000193
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ (code + i), 0x85ebca6b)
  }
  return weakTag((high >>> 0).toString(36), (low >>> 0).toString(36), text.length)
}

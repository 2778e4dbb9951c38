/** Who may come in: tokens of the internal API and of the gateways. */
import { hash, timingSafeEqual } from 'node:crypto'

/**
 * Checks a presented secret against a list of accepted ones in constant time.
 *
 * Both sides are hashed first, so that neither the length nor a common prefix shows in the timing, and every accepted
 * token is compared on every call.
 *
 * @param tokens accepted secrets; an empty list accepts nothing
 * @returns a function from a bare token, or an `Authorization` header with or without `Bearer `, to whether it is accepted
 */
export function bearerMatcher(tokens: readonly string[]): (presented: string | undefined) => boolean {
  const digests = tokens.filter((token) => token.length > 0).map(digest)
  return function bearerMatches(presented) {
    if (presented === undefined) return false
    const candidate = digest(bareToken(presented))
    let matches = false
    for (const accepted of digests) if (timingSafeEqual(candidate, accepted)) matches = true
    return matches
  }
}

/** The token of an `Authorization` header, without its scheme. */
function bareToken(header: string): string {
  return /^bearer /i.test(header) ? header.slice(7).trim() : header
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

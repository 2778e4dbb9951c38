/**
 * Access tokens, as the origin signs them and the edge checks them: JWTs (RFC 9068 in spirit) signed with Ed25519
 * (RFC 8037), fifteen minutes long, so that the edge needs no look-up to know who is asking.
 */
import type { Id } from './ids.ts'

export const TOKEN_ALGORITHM = 'EdDSA'
export const TOKEN_ISSUER = 'https://tideline.dev'
export const TOKEN_AUDIENCE = 'tideline-api'

/** Seconds that an access token lives: how long a stolen one is of use. */
export const ACCESS_TOKEN_SECONDS = 900

/** Days that a session lives without being refreshed. */
export const SESSION_DAYS = 30

/**
 * While refresh cannot be reached, reads (never writes) accept a token up to this many seconds past its expiry, unless its
 * session is revoked (correctness: the public keys and the revoked sessions are in Redis).
 */
export const EXPIRED_READ_GRACE_SECONDS = 3_600

/** Seconds by which clocks of edge and origin may differ. */
export const CLOCK_TOLERANCE_SECONDS = 5

/** What an access token says beside iss, aud, iat and exp. */
export interface AccessClaims {
  /** The user's id. */
  sub: Id
  /** The user's name at the time of signing. */
  name: string
  /** The session: what is revoked. */
  sid: string
}

/**
 * Access tokens (signed, checked anywhere) and refresh tokens (opaque, known here only by their hash).
 *
 * Why jose and this file rather than better-auth: accounts need five methods over a schema and a service API that are
 * given, tokens that the edge checks without a look-up, and a session's reuse rule that is ours. better-auth brings its own
 * tables, routes and cookies for all that, which would have to be bent; jose does the cryptography, the rest is small.
 */
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { calculateJwkThumbprint, importJWK, type JWK, SignJWT } from 'jose'
import { ACCESS_TOKEN_SECONDS, type AccessClaims, TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'

export interface SigningKeys {
  /** Ed25519 private key. Without `kid` its thumbprint (RFC 7638) names it. */
  privateJwk: JWK
  /** Public keys of earlier or coming private ones: tokens under them are accepted as long as they stand here. */
  otherPublicJwks?: readonly JWK[]
}

export interface TokenIssuer {
  /** The public keys, the signing one first. */
  readonly jwks: { keys: JWK[] }
  sign(claims: AccessClaims, nowMs: number): Promise<string>
  readonly refresh: RefreshTokens
}

/** @throws when the key is no Ed25519 private key */
export async function createTokenIssuer(keys: SigningKeys): Promise<TokenIssuer> {
  const { d, ...rest } = keys.privateJwk
  if (rest.kty !== 'OKP' || rest.crv !== 'Ed25519' || d === undefined) {
    throw new TypeError('the signing key must be an Ed25519 private JWK')
  }
  const kid = rest.kid ?? (await calculateJwkThumbprint(rest))
  const publicJwk: JWK = { kty: rest.kty, crv: rest.crv, x: rest.x!, kid, alg: TOKEN_ALGORITHM, use: 'sig' }
  const key = await importJWK(keys.privateJwk, TOKEN_ALGORITHM)
  return {
    jwks: { keys: [publicJwk, ...(keys.otherPublicJwks ?? []).map(({ d: _secret, ...jwk }) => jwk)] },
    sign: ({ sub, name, sid }, nowMs) => {
      const now = Math.floor(nowMs / 1000)
      return new SignJWT({ name, sid })
        .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid, typ: 'JWT' })
        .setSubject(sub)
        .setIssuer(TOKEN_ISSUER)
        .setAudience(TOKEN_AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + ACCESS_TOKEN_SECONDS)
        .sign(key)
    },
    refresh: refreshTokens(d),
  }
}

const SECRET_BYTES = 32
const TAG_BYTES = 16

export interface RefreshTokens {
  /** The first token of a session, from 32 random bytes. */
  first(sessionId: string, secret: Uint8Array): string
  /** The one successor of a token: asked twice, the same answer. */
  next(token: ParsedRefreshToken): string
  parse(text: string): ParsedRefreshToken | null
  /** What is stored: a leaked table opens no session. */
  hash(token: string): string
}

export interface ParsedRefreshToken {
  text: string
  sessionId: string
  secret: Uint8Array
  /** Made by us under the present key, so an unknown one must be an old one: reuse. */
  isGenuine: boolean
}

/**
 * A token is `<session>.<secret><tag>`. Each secret is an HMAC of the one before: when the answer to a refresh is lost, the
 * repetition gets the very same successor, and two tabs that refresh at once agree. The tag tells an old token of ours,
 * which means theft, from text that somebody made up, which must not end a stranger's session. The HMAC key is derived from
 * the signing key: whoever has that one needs no refresh token any more. After a change of key, current tokens still
 * work, since they are found by their hash.
 */
function refreshTokens(privateKey: string): RefreshTokens {
  const key = new Uint8Array(hkdfSync('sha256', privateKey, '', 'tideline refresh tokens', 32))
  const hmac = (purpose: string, sessionId: string, secret: Uint8Array) =>
    createHmac('sha256', key).update(`${purpose}\0${sessionId}\0`).update(secret).digest()
  const tagOf = (sessionId: string, secret: Uint8Array) => hmac('tag', sessionId, secret).subarray(0, TAG_BYTES)
  const write = (sessionId: string, secret: Uint8Array) =>
    `${sessionId}.${Buffer.concat([secret, tagOf(sessionId, secret)]).toString('base64url')}`
  return {
    first: write,
    next: ({ sessionId, secret }) => write(sessionId, hmac('next', sessionId, secret)),
    parse(text) {
      const [, sessionId, packed] = /^([0-9a-f-]{36})\.([\w-]{64})$/.exec(text) ?? []
      if (sessionId === undefined || packed === undefined) return null
      const bytes = Buffer.from(packed, 'base64url')
      const secret = bytes.subarray(0, SECRET_BYTES)
      return {
        text,
        sessionId,
        secret,
        isGenuine: timingSafeEqual(bytes.subarray(SECRET_BYTES), tagOf(sessionId, secret)),
      }
    },
    hash: (token) => createHash('sha256').update(token).digest('base64url'),
  }
}

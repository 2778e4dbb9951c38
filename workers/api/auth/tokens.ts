/**
 * Who is asking: access tokens, verified once and then remembered by the isolate until they expire. They are remembered
 * by their own text, which is as unguessable as a digest of it and costs no hashing on each request.
 */
import { decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { type Clock, type Id, parseId } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { Problem, problems } from '#core/problem.ts'
import type { RedisPort } from '#core/redis.ts'
import {
  CLOCK_TOLERANCE_SECONDS,
  EXPIRED_READ_GRACE_SECONDS,
  TOKEN_ALGORITHM,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
} from '#core/tokens.ts'
import type { Database } from '#drizzle/database.ts'
import { sessionRevoked } from '#drizzle/queries/people.ts'
import type { PublicJwk } from '../config.ts'
import type { CallTrace, OriginClient } from '../data/origin.ts'
import type { Keyring } from './keyring.ts'

export interface Viewer {
  readonly userId: Id
  readonly sessionId: string
}

export interface TokenVerifier {
  /** The viewer of a token that this isolate has verified before and that still counts for this; null otherwise. */
  remembered(token: string, reads: boolean): Viewer | null
  /**
   * Verifies signature, issuer, audience and time, and that its session was not ended, as far as Redis knows.
   * @param reads whether the request only reads: then an expired token may be let through while refresh is unreachable
   * @param redis that of the request: as urgent as it
   * @throws Problem 401; 503 when its public key cannot be had
   */
  verify(token: string, reads: boolean, trace: CallTrace, redis?: RedisPort): Promise<Viewer>
  /** Forgets the tokens of a session that ended, here or elsewhere: their next use asks Redis. */
  revoke(sessionId: string): void
  /** Forgets all: sessions may have ended unheard. */
  forgetAll(): void
  /** For /.well-known/jwks.json. */
  publicKeys(trace: CallTrace): Promise<readonly PublicJwk[]>
}

export interface TokenPorts {
  keyring: Keyring
  origin: OriginClient
  db: Database
  redis: RedisPort
  clock: Clock
}

/** About 5 MB of an isolate's 128: more people than one isolate meets in the life of a token. */
const REMEMBERED_TOKENS = 10_000
/** An accepted expired token is looked at again after this, since refresh may be back. */
const GRACE_CHECK_MS = 5_000
/** A token of which Redis did not say whether its session has ended is looked up again after this. */
const UNCHECKED_MS = 5_000
/** Ours have about 300 characters; a header of 16 KB is somebody's attempt. */
const LONGEST_TOKEN = 2_048

interface Remembered extends Viewer {
  untilMs: number
  /** Accepted past its expiry: never for a write. */
  readsOnly: boolean
}

const forged = () => problems.unauthorized('This access token is not one of ours.')
const ended = () => problems.unauthorized('This session has ended: sign in again.')
const expired = () => problems.unauthorized('This access token has expired: refresh the session.')

export function createTokenVerifier(ports: TokenPorts): TokenVerifier {
  const { keyring, clock } = ports
  const known = rememberedTokens()
  return {
    remembered(token, reads) {
      const entry = known.get(token)
      if (entry === undefined) return null
      if (entry.untilMs > clock()) return reads || !entry.readsOnly ? entry : null
      known.forget(token)
      return null
    },
    async verify(token, reads, trace, redis = ports.redis) {
      const { viewer, expiresMs } = await check(ports, token, trace)
      const untilMs = expiresMs + CLOCK_TOLERANCE_SECONDS * 1000
      if (untilMs > clock()) {
        // Once an isolate and token; what ends later comes with the delta (`revoke`). Redis away or busy: the token is good for now.
        const isRevoked = await isMarkedRevoked(redis, viewer)
        if (isRevoked) throw ended()
        const nextLookMs = isRevoked === null ? clock() + UNCHECKED_MS : untilMs
        return known.add(token, { ...viewer, untilMs: Math.min(untilMs, nextLookMs), readsOnly: false })
      }
      if (!reads || (await ports.origin.reachable(trace)) || (await isRevoked(ports, viewer))) throw expired()
      return known.add(token, { ...viewer, untilMs: clock() + GRACE_CHECK_MS, readsOnly: true })
    },
    revoke: known.forgetSession,
    forgetAll: known.clear,
    publicKeys: (trace) => keyring.published(trace),
  }
}

/** The tokens that this isolate has verified, the oldest forgotten when there are too many. */
function rememberedTokens() {
  const cache = new Map<string, Remembered>()
  /** The remembered tokens of each session, so that a revocation need not look through all of them. */
  const ofSession = new Map<string, Set<string>>()

  function forget(token: string): void {
    const entry = cache.get(token)
    if (entry === undefined) return
    cache.delete(token)
    const tokens = ofSession.get(entry.sessionId)
    tokens?.delete(token)
    if (tokens?.size === 0) ofSession.delete(entry.sessionId)
  }
  return {
    get: (token: string) => cache.get(token),
    forget,
    add(token: string, entry: Remembered): Remembered {
      if (cache.size >= REMEMBERED_TOKENS) forget(cache.keys().next().value ?? '')
      cache.set(token, entry)
      const tokens = ofSession.get(entry.sessionId)
      if (tokens === undefined) ofSession.set(entry.sessionId, new Set([token]))
      else tokens.add(token)
      return entry
    },
    forgetSession(sessionId: string): void {
      for (const token of ofSession.get(sessionId) ?? []) forget(token)
    },
    clear(): void {
      cache.clear()
      ofSession.clear()
    },
  }
}

/** Signature, issuer, audience and claims; expiry only as far as the grace goes. @throws Problem 401, 503 */
async function check({ keyring, clock }: TokenPorts, token: string, trace: CallTrace) {
  if (token.length > LONGEST_TOKEN) throw forged()
  try {
    const { kid } = decodeProtectedHeader(token)
    const key = typeof kid === 'string' ? await keyring.find(kid, trace) : null
    if (key === null) throw forged()
    const { payload } = await jwtVerify(token, key, {
      algorithms: [TOKEN_ALGORITHM],
      issuer: TOKEN_ISSUER,
      audience: TOKEN_AUDIENCE,
      requiredClaims: ['sub', 'sid', 'exp'],
      // The grace is judged by the caller; a signature older than it is of no use to anyone.
      clockTolerance: EXPIRED_READ_GRACE_SECONDS,
      currentDate: new Date(clock()),
    })
    const userId = parseId(String(payload.sub))
    if (userId === null || typeof payload.sid !== 'string') throw forged()
    return { viewer: { userId, sessionId: payload.sid }, expiresMs: (payload.exp ?? 0) * 1000 }
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw expired()
    if (error instanceof Problem) throw error
    throw forged()
  }
}

/** Postgres knows; Redis keeps the sign-outs of the last hours. With both away there is no feed but the stale page. */
async function isRevoked(ports: TokenPorts, viewer: Viewer): Promise<boolean> {
  try {
    const [row] = await ports.db.query<{ revoked: boolean }>(sessionRevoked(viewer.sessionId))
    return row?.revoked ?? false
  } catch {
    return (await isMarkedRevoked(ports.redis, viewer)) ?? false
  }
}

/** Null where Redis does not say. */
async function isMarkedRevoked(redis: RedisPort, { sessionId }: Viewer): Promise<boolean | null> {
  const replies = await redis.pipeline([['GET', keys.revoked(sessionId)]]).catch(() => null)
  return replies === null ? null : replies[0] !== null && replies[0] !== undefined
}

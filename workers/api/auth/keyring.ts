/**
 * The public keys of access tokens, cheapest source first: settings, then Redis, then the origin (correctness 28). Kept
 * in the isolate as data, so that verifying needs none of them.
 */
import { importJWK } from 'jose'
import type { Clock } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { problems } from '#core/problem.ts'
import type { RedisPort } from '#core/redis.ts'
import { TOKEN_ALGORITHM } from '#core/tokens.ts'
import { type PublicJwk, publicJwks } from '../config.ts'
import type { CallTrace, OriginClient } from '../data/origin.ts'

export interface Keyring {
  /**
   * The key of this id; null when the sources do not know it.
   * @throws Problem 503 when none of them answered: the token may be good, and a 401 would sign its owner out
   */
  find(kid: string, trace: CallTrace): Promise<CryptoKey | null>
  /** The keys known here, for /.well-known/jwks.json. */
  published(trace: CallTrace): Promise<readonly PublicJwk[]>
}

export interface KeyringPorts {
  configured: readonly PublicJwk[]
  redis: RedisPort
  origin: OriginClient
  clock: Clock
}

/** A token with an invented key id must not turn into a call a request. */
const REFRESH_EVERY_MS = 30_000
/** Sooner when no source answered: the breakers keep that cheap. */
const RETRY_AFTER_MS = 2_000
/** Long enough for an outage, short enough for a rotation. */
const JWKS_SECONDS = 86_400

export function createKeyring({ configured, redis, origin, clock }: KeyringPorts): Keyring {
  const jwks = new Map<string, PublicJwk>(configured.map((jwk) => [jwk.kid, jwk]))
  const imported = new Map<string, CryptoKey>()
  let refreshAfter = Number.NEGATIVE_INFINITY
  let answered = false

  const adopt = (text: string | null): boolean => {
    const parsed = publicJwks.safeParse(text ?? '')
    if (!parsed.success) return false
    for (const jwk of parsed.data) jwks.set(jwk.kid, jwk)
    return true
  }

  async function refresh(kid: string | null, trace: CallTrace): Promise<void> {
    if (clock() < refreshAfter) return
    const stored = await redis.pipeline([['GET', keys.jwks()]]).catch(() => [null])
    const inRedis = typeof stored[0] === 'string' && adopt(stored[0])
    if (kid !== null ? jwks.has(kid) : jwks.size > 0) return
    const answer = await origin.call('accounts.jwks', {}, trace).catch(() => null)
    const atOrigin = answer !== null && adopt(JSON.stringify(answer))
    // Not before it is known: else who comes meanwhile would be told that a good token is not one of ours.
    answered = inRedis || atOrigin
    refreshAfter = clock() + (answered ? REFRESH_EVERY_MS : RETRY_AFTER_MS)
    if (!atOrigin) return
    await redis.pipeline([['SET', keys.jwks(), JSON.stringify(answer), 'EX', JWKS_SECONDS]]).catch(() => [])
  }

  return {
    async find(kid, trace) {
      const known = imported.get(kid)
      if (known !== undefined) return known
      if (!jwks.has(kid)) await refresh(kid, trace)
      const jwk = jwks.get(kid)
      if (jwk === undefined) {
        if (!answered) throw problems.away('What tells good tokens from bad')
        return null
      }
      const key = (await importJWK(jwk, TOKEN_ALGORITHM)) as CryptoKey
      imported.set(kid, key)
      return key
    },
    async published(trace) {
      if (jwks.size === 0) await refresh(null, trace)
      return [...jwks.values()]
    },
  }
}

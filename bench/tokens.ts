/** Access tokens of people, signed as the origin signs them. */
import { importJWK, type JWK, SignJWT } from 'jose'
import type { Id } from '#core/ids.ts'
import { ACCESS_TOKEN_SECONDS, TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'
import { publicJwks, type Secrets } from '../origin/secrets.ts'

/** A token for each place in a list of people, signed when it is first asked for and again when it is half worn out. */
export function accessTokens(secrets: Secrets, people: readonly Id[]): (place: number) => Promise<string> {
  const key = importJWK(JSON.parse(secrets.JWT_PRIVATE_JWK) as JWK, TOKEN_ALGORITHM)
  const kid = String(publicJwks(secrets).keys[0]?.kid)
  const signed = new Map<number, { token: string; at: number }>()
  return async (place) => {
    const now = Math.floor(Date.now() / 1_000)
    const known = signed.get(place)
    if (known !== undefined && now - known.at < ACCESS_TOKEN_SECONDS / 2) return known.token
    const token = await new SignJWT({ name: `person${place}`, sid: `bench-${place}` })
      .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid })
      .setSubject(people[place] ?? '0')
      .setIssuer(TOKEN_ISSUER)
      .setAudience(TOKEN_AUDIENCE)
      .setIssuedAt(now)
      .setExpirationTime(now + ACCESS_TOKEN_SECONDS)
      .sign(await key)
    signed.set(place, { token, at: now })
    return token
  }
}

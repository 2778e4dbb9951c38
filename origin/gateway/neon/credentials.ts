import { createHash, timingSafeEqual } from 'node:crypto'
import { GatewayError } from './errors.ts'
import type { Credentials } from './settings.ts'

/** Whether a login is the configured one. Always compares user and password in full, so that timing tells nothing of them. */
export type CredentialCheck = (presented: Credentials) => boolean

/** @param databases whose names are accepted; names are no secret */
export function credentialCheck(
  accepted: Pick<Credentials, 'user' | 'password'>,
  databases: { has(name: string): boolean },
): CredentialCheck {
  const expected = parts(accepted).map(digest)
  return function isAccepted(presented) {
    let accepted = databases.has(presented.database)
    for (const [index, part] of parts(presented).entries()) {
      if (!timingSafeEqual(digest(part), expected[index]!)) accepted = false
    }
    return accepted
  }
}

/**
 * Reads user, password and database out of a `Neon-Connection-String` header. Its host and port are ignored: a gateway
 * that went where the client points would be an open proxy.
 * @throws {GatewayError} 400 when the header is absent or no connection string
 */
export function parseConnectionString(header: string | undefined): Credentials {
  const scheme = /^postgres(?:ql)?:/.exec(header ?? '')
  if (header === undefined || scheme === null) {
    throw new GatewayError(400, 'missing or malformed Neon-Connection-String header')
  }
  try {
    const url = new URL(`http:${header.slice(scheme[0].length)}`)
    const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent)
    return { user: user!, password: password!, database: database! }
  } catch {
    throw new GatewayError(400, 'malformed Neon-Connection-String header')
  }
}

/** The refusal, in the words of Postgres: the SDK's users look for them. */
export function wrongPassword(user: string): { severity: 'FATAL'; code: '28P01'; message: string } {
  return { severity: 'FATAL', code: '28P01', message: `password authentication failed for user '${user}'` }
}

function parts({ user, password }: Pick<Credentials, 'user' | 'password'>): string[] {
  return [user, password]
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

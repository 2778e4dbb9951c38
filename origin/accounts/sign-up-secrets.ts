/** Sessions that can be made again: what a sign-up under an Idempotency-Key answers, derived and not stored. */
import { createHmac, hkdfSync } from 'node:crypto'
import type { Id } from '#core/ids.ts'

export interface SignUpSecrets {
  /** The first session of an account that is made under a key: asked again, the same. */
  session(userId: Id, key: string): { sessionId: string; secret: Uint8Array }
}

/**
 * @param privateJwk the signing key: whoever has that one needs no session
 * @throws Error when it is a public one
 */
export function signUpSecrets({ d }: { d?: string }): SignUpSecrets {
  if (!d) throw new Error('the signing key has no private part')
  const key = new Uint8Array(hkdfSync('sha256', d, '', 'tideline sign-ups', 32))
  const derive = (purpose: string, userId: Id, clientKey: string) =>
    createHmac('sha256', key).update(`${purpose}\0${userId}\0${clientKey}`).digest()
  return {
    session: (userId, clientKey) => ({
      sessionId: uuidOf(derive('session', userId, clientKey)),
      secret: derive('secret', userId, clientKey),
    }),
  }
}

/** UUID version 8 (RFC 9562 §5.8): bits of one's own making. */
function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  const variant = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant.toString(16)}${hex.slice(18, 20)}-${hex.slice(20, 32)}`
}

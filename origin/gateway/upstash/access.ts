import type { IncomingMessage } from 'node:http'
import { bearerMatcher } from '../../bearer.ts'
import type { Access } from './policy.ts'
import type { GatewayTokens } from './settings.ts'

/** What a request may do by its token, in the header or in `_token`; undefined: nothing. */
export type AccessCheck = (request: IncomingMessage, query: string) => Access | undefined

export function accessCheck(tokens: GatewayTokens): AccessCheck {
  const mayWrite = bearerMatcher(tokens.readWrite)
  const mayRead = bearerMatcher(tokens.readOnly)
  return function accessOf(request, query) {
    const token =
      request.headers.authorization ??
      (query === '' ? undefined : (new URLSearchParams(query).get('_token') ?? undefined))
    // Both lists are always compared: which one a guess came near must not show in the time it takes.
    const read = mayRead(token)
    return mayWrite(token) ? 'readWrite' : read ? 'readOnly' : undefined
  }
}

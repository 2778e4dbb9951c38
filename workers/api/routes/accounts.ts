/** Accounts and sessions. The origin keeps passwords and signs tokens; the edge only carries. */
import { createRoute, z } from '@hono/zod-openapi'
import { keys, TTL } from '#core/keys.ts'
import {
  DISPLAY_NAME_MAX,
  EMAIL_MAX,
  isPassword,
  isUsername,
  PASSWORD_LENGTH,
  PASSWORD_RULE,
  USERNAME_LENGTH,
  USERNAME_RULE,
} from '#core/sign-up.ts'
import { announce } from '#core/timeline/index.ts'
import type { App } from '../context.ts'
import { applyToRedis } from '../data/after-commit.ts'
import { body, empty, id, idempotencyHeader, json, refusals, writing } from './schemas.ts'

export const RegisterRequest = z.strictObject({
  username: z
    .string()
    .refine(isUsername, USERNAME_RULE)
    .openapi({
      description: `${USERNAME_RULE} Case is folded.`,
      ...{ minLength: USERNAME_LENGTH.min, maxLength: USERNAME_LENGTH.max },
    }),
  email: z.email().max(EMAIL_MAX),
  password: z
    .string()
    .refine(isPassword, PASSWORD_RULE)
    .openapi({ minLength: PASSWORD_LENGTH.min, maxLength: PASSWORD_LENGTH.max }),
  displayName: writing().max(DISPLAY_NAME_MAX).optional(),
})
export const SignInRequest = z.strictObject({
  login: writing().min(1).max(255).openapi({ description: 'User name or address.' }),
  password: z.string().min(1).max(200),
})
export const RefreshRequest = z.strictObject({ refreshToken: z.string().min(1).max(1_000) })
export const Session = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string(),
    expiresIn: z.number().int().openapi({ description: 'Seconds until the access token expires.' }),
    userId: id,
    username: z.string(),
  })
  .openapi('Session')

const register = createRoute({
  operationId: 'createAccount',
  summary: 'Make an account and sign in.',
  description: 'Repeated under the same Idempotency-Key, it answers the same tokens.',
  method: 'post',
  path: '/v1/accounts',
  tags: ['accounts'],
  request: { headers: idempotencyHeader, body: body(RegisterRequest) },
  responses: { 201: json(Session, 'The account, signed in.'), ...refusals(401, 409, 413, 415, 422) },
})
const signIn = createRoute({
  operationId: 'signIn',
  summary: 'Sign in by user name or address.',
  description: 'Ten tries in five minutes at one login; after that 429.',
  method: 'post',
  path: '/v1/sessions',
  tags: ['accounts'],
  request: { body: body(SignInRequest) },
  responses: { 201: json(Session, 'A new session.'), ...refusals(401, 413, 415) },
})
const refresh = createRoute({
  operationId: 'refreshSession',
  summary: 'Get new tokens for a refresh token.',
  description:
    'If the answer was lost, ask again within thirty seconds with the same token: the answer is the same. After that, an old token ends the session.',
  method: 'post',
  path: '/v1/sessions/refresh',
  tags: ['accounts'],
  request: { body: body(RefreshRequest) },
  responses: {
    200: json(Session, 'The session with new tokens; the old refresh token is void.'),
    ...refusals(401, 413, 415),
  },
})
const signOut = createRoute({
  operationId: 'signOut',
  summary: 'End a session.',
  description:
    'The access token that the request carries, if any, is refused at once, others of the session within seconds.',
  method: 'delete',
  path: '/v1/sessions',
  tags: ['accounts'],
  security: [{}, { bearer: [] }],
  request: { body: body(RefreshRequest) },
  responses: { 204: empty('The session has ended.'), ...refusals(401, 413, 415) },
})
const jwks = createRoute({
  operationId: 'publicKeys',
  summary: 'List the public keys of access tokens.',
  method: 'get',
  path: '/.well-known/jwks.json',
  tags: ['accounts'],
  responses: {
    200: json(
      z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
      'Public keys of access tokens (RFC 7517).',
    ),
    ...refusals(),
  },
})

export function registerAccounts(app: App): void {
  app.openapi(register, async (c) => {
    const idempotencyKey = c.req.valid('header')['idempotency-key'] ?? null
    const input = { ...c.req.valid('json'), idempotencyKey }
    // The answer holds tokens: the origin makes it again, neither side keeps it.
    const { replayed, ...session } = await c.get('services').origin.call('accounts.register', input, c.get('trace'))
    if (replayed) c.header('idempotency-replayed', 'true')
    c.header('cache-control', 'no-store')
    c.header('location', `/v1/users/${session.username}`)
    return c.json(session, 201)
  })

  app.openapi(signIn, async (c) => {
    const input = c.req.valid('json')
    // The middleware counts addresses, the origin counts tries at one login.
    const session = await c.get('services').origin.call('accounts.signIn', input, c.get('trace'))
    c.header('cache-control', 'no-store')
    return c.json(session, 201)
  })

  app.openapi(refresh, async (c) => {
    const session = await c.get('services').origin.call('accounts.refresh', c.req.valid('json'), c.get('trace'))
    c.header('cache-control', 'no-store')
    return c.json(session, 200)
  })

  app.openapi(signOut, async (c) => {
    const { origin, tokens, clock } = c.get('services')
    await origin.call('accounts.signOut', c.req.valid('json'), c.get('trace'))
    const viewer = c.get('viewer')
    if (viewer !== null) {
      tokens.revoke(viewer.sessionId)
      await applyToRedis(c, [
        ['SET', keys.revoked(viewer.sessionId), 1, 'EX', TTL.revoked],
        ...announce([{ kind: 'session', session: viewer.sessionId }], clock()),
      ])
    }
    return c.body(null, 204)
  })

  app.openapi(jwks, async (c) => {
    const published = await c.get('services').tokens.publicKeys(c.get('trace'))
    c.header('cache-control', 'public, max-age=300')
    return c.json({ keys: [...published] }, 200)
  })
}

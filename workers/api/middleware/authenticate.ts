/** Reads the bearer token, if there is one. Routes that need a viewer say so with `requireViewer`. */
import type { MiddlewareHandler } from 'hono'
import { Problem, problems } from '#core/problem.ts'
import type { Viewer } from '../auth/tokens.ts'
import type { AppContext, AppEnv } from '../context.ts'
import { logFault } from '../data/after-commit.ts'
import { addressOf } from './rate-limit.ts'

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i

/** The token of an Authorization header; null when there is no header. */
function bearerToken(header: string | null): string | null {
  if (header === null) return null
  const token = BEARER.exec(header)?.[1]
  if (token === undefined) throw problems.unauthorized('The Authorization header must read: Bearer <access token>.')
  return token
}

/** Brings the delta along in its own pipeline: it hears of ended sessions while it reads, not before. */
const BRINGS_DELTA = '/v1/feed'

export function authenticate(): MiddlewareHandler<AppEnv> {
  return async function authenticateViewer(c, next) {
    const token = bearerToken(c.req.raw.headers.get('authorization'))
    if (token === null) return next()
    const { tokens } = c.get('services')
    const reads = c.req.method === 'GET' || c.req.method === 'HEAD'
    const viewer = async () => tokens.remembered(token, reads) ?? (await verified(c, token, reads))
    const bringsDelta = reads && c.req.path === BRINGS_DELTA
    if (!bringsDelta && tokens.remembered(token, reads) !== null) await hearOfRevocations(c)
    c.set('viewer', await viewer())
    await next()
    if (!bringsDelta || tokens.remembered(token, reads) !== null) return
    // Forgotten while the feed was read: the answer goes to nobody unless the session still stands.
    await viewer().catch((error: unknown) => {
      c.res = undefined
      throw error
    })
  }
}

/**
 * Verifies a token that this isolate does not know. Refused ones are counted by address, since they name nobody; an address that
 * sends nothing else is refused without the check. Who signed in there before is remembered, and not held up.
 * @throws Problem 401, 429
 */
async function verified(c: AppContext, token: string, reads: boolean): Promise<Viewer> {
  const { tokens, limits, redis } = c.get('services')
  const address = addressOf(c)
  const waitSeconds = limits.usedUp('refused', address)
  if (waitSeconds !== null) throw problems.tooMany(waitSeconds)
  try {
    return await tokens.verify(token, reads, c.get('trace'), redis)
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error
    const { allowed, resetSeconds } = await limits.take('refused', address)
    throw allowed ? error : problems.tooMany(resetSeconds)
  }
}

/** Before a token that this isolate remembers is trusted; a new one is looked up in Redis anyway. */
async function hearOfRevocations(c: AppContext): Promise<void> {
  const reading = c.get('services').revocations.catchUp((work) => {
    c.executionCtx.waitUntil(work.catch((error: unknown) => logFault(c, 'delta', error)))
  })
  if (reading !== null) await c.get('timings').time('redis', () => reading)
}

/** Calls to the API: signed in, refreshed when needed, and problems as errors with a sentence for people. */
import type { Tokens } from './api.ts'
import type { SessionStore } from './session.ts'

/** What the API refused, in its own words (RFC 9457). */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  /** Sentences by field, such as `username`. */
  readonly fields: ReadonlyMap<string, string>

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? 'Something went wrong.')
    this.name = 'ApiError'
    this.status = status
    this.code = problem.code ?? 'unknown'
    this.fields = new Map((problem.errors ?? []).map(({ pointer, detail }) => [pointer.replace(/^\//, ''), detail]))
  }
}

interface Problem {
  title?: string
  detail?: string
  code?: string
  errors?: { pointer: string; detail: string }[]
}

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  /** Answers null (with the same tag) when the server says 304. */
  ifNoneMatch?: string | null
  /** The same key again, for the same body, has the effect once. */
  idempotencyKey?: string
  signal?: AbortSignal
  keepalive?: boolean
}

export interface Answer<T> {
  status: number
  etag: string | null
  body: T | null
}

export interface Api {
  /** @throws ApiError for what the API refused or could not do, and when the network is away (status 0) */
  call<T>(path: string, call?: Call): Promise<T>
  /** The same, with status and tag, for conditional reads. */
  exchange<T>(path: string, call?: Call): Promise<Answer<T>>
}

/** A token is renewed this long before it expires. */
const RENEW_BEFORE_MS = 30_000
/** While renewing meets an outage, reads go on with the token at hand and try to renew it this often. */
const RENEW_AGAIN_MS = 5_000

export function createApi(session: SessionStore, now: () => number = Date.now): Api {
  let access: { token: string; until: number } | null = null
  let renewing: Promise<void> | null = null
  let lastOutageMs = Number.NEGATIVE_INFINITY
  session.onTokens((tokens) => {
    access = tokens === null ? null : { token: tokens.accessToken, until: now() + tokens.expiresIn * 1000 }
  })

  /** One renewal at a time: a refresh token counts once. */
  const renewed = () => {
    renewing ??= renew(session)
      .catch((error: unknown) => {
        if (isOutage(error)) lastOutageMs = now()
        throw error
      })
      .finally(() => {
        renewing = null
      })
    return renewing
  }

  /** The API takes a token for an hour past its expiry, for reads, as long as nobody can renew it. */
  async function renewInTime(isRead: boolean): Promise<void> {
    if (session.refreshToken() === null || (access !== null && access.until - now() >= RENEW_BEFORE_MS)) return
    const isOfUse = access !== null && (isRead || access.until > now())
    if (isOfUse && now() - lastOutageMs < RENEW_AGAIN_MS) return
    try {
      await renewed()
    } catch (error) {
      if (!isOfUse || !isOutage(error)) throw error
    }
  }

  async function exchange<T>(path: string, call: Call = {}): Promise<Answer<T>> {
    await renewInTime((call.method ?? 'GET') === 'GET')
    try {
      return await send<T>(path, call, access?.token ?? null)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || access === null) throw error
      await renewed()
      return send<T>(path, call, access?.token ?? null)
    }
  }
  return { exchange, call: async <T>(path: string, call?: Call) => (await exchange<T>(path, call)).body as T }
}

async function renew(session: SessionStore): Promise<void> {
  const refreshToken = session.refreshToken()
  if (refreshToken === null) return
  try {
    const { body } = await send<Tokens>('/v1/sessions/refresh', { method: 'POST', body: { refreshToken } }, null)
    if (body !== null) session.keep(body)
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.end()
    throw error
  }
}

/** Nobody answered, or could not: what is asked for may be right. */
const isOutage = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500)

async function send<T>(path: string, call: Call, token: string | null): Promise<Answer<T>> {
  const { method = 'GET', body, ifNoneMatch, idempotencyKey, signal, keepalive } = call
  const headers = new Headers()
  if (token !== null) headers.set('authorization', `Bearer ${token}`)
  if (body !== undefined) headers.set('content-type', 'application/json')
  if (ifNoneMatch) headers.set('if-none-match', ifNoneMatch)
  if (idempotencyKey) headers.set('idempotency-key', idempotencyKey)
  const answer = await fetch(path, {
    method,
    headers,
    // The page keeps its own tags; the browser's cache would hide a 304 from it.
    cache: 'no-store',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
    ...(keepalive === undefined ? {} : { keepalive }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error
    throw new ApiError(0, { detail: 'Tideline cannot be reached. Are you online?', code: 'offline' })
  })
  const etag = answer.headers.get('etag')
  if (answer.status === 304 || answer.status === 204) return { status: answer.status, etag, body: null }
  const parsed: unknown = await answer.json().catch(() => null)
  if (!answer.ok) throw new ApiError(answer.status, (parsed ?? {}) as Problem)
  return { status: answer.status, etag, body: parsed as T }
}

/** The sentence to show for whatever went wrong. */
export function sentenceOf(error: unknown): string {
  return error instanceof ApiError ? error.message : 'Something went wrong. Please try again.'
}

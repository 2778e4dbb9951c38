/** For tests in workerd: people, tokens and requests against the real Worker on its real (embedded) stores. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env as bindings } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { importJWK, SignJWT } from 'jose'
import type { Id } from '#core/ids.ts'
import type { ProblemBody } from '#core/problem.ts'
import { TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'
import { admitting } from './admit.ts'
import { createApp } from './app.ts'
import { type Services, servicesFor } from './services.ts'

export const env = bindings as unknown as ApiEnv & { TEST_PRIVATE_JWK: string; TEST_HELD_REDIS_URL: string }
export const services: Services = servicesFor(env)

/** Lines of the access log of this test file. */
export const logLines: Record<string, unknown>[] = []
const app = createApp((line) => void logLines.push(JSON.parse(line) as Record<string, unknown>))
const serve = admitting((request, bindings, ctx) => app.fetch(request, bindings, ctx))

export interface Call {
  token?: string | undefined
  body?: unknown
  headers?: Record<string, string>
  /** Bindings of this call: an unreachable address takes a store away. */
  env?: Partial<ApiEnv>
  /** Runs when the answer is there, before what the Worker does after it is waited for. */
  onAnswer?: () => void
}

export interface Answered<T> {
  status: number
  headers: Headers
  body: T
}

const environments = new Map<string, ApiEnv>()

/** The Worker's environment without one of its stores. Equal changes share services, as requests of an isolate do. */
export function environmentOf(changes: Partial<ApiEnv> | undefined): ApiEnv {
  if (changes === undefined) return env
  if (Object.values(changes).some((value) => typeof value !== 'string')) return { ...env, ...changes }
  const key = JSON.stringify(changes)
  const known = environments.get(key) ?? { ...env, ...changes }
  environments.set(key, known)
  return known
}

/** Sends one request and waits for what the Worker does after its answer. `verb` is "GET /v1/…". */
export async function call<T = ProblemBody>(
  verb: string,
  { token, body, headers, env: changes, onAnswer }: Call = {},
): Promise<Answered<T>> {
  const [method = 'GET', path = '/'] = verb.split(' ')
  const ctx = createExecutionContext()
  const request = new Request(`https://api.test${path}`, {
    method,
    headers: {
      'cf-connecting-ip': `test-${counter++}`,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const response = await serve(request, environmentOf(changes), ctx)
  const text = await response.text()
  onAnswer?.()
  await waitOnExecutionContext(ctx)
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : text) as T }
}

let counter = 0

/** Makes the next id of this isolate one that is taken already: a collision, which nobody can wait for. */
export function nextIdIs(id: Id): void {
  const { ids } = services
  const { next } = ids
  ids.next = () => {
    ids.next = next
    return id
  }
}

export interface TestPerson {
  id: Id
  username: string
  token: string
}

/** A new account, straight into Postgres: registration has tests of its own. */
export async function person(options: { isPrivate?: boolean } = {}): Promise<TestPerson> {
  const id = services.ids.next(services.ids.randomShard())
  const username = `p${id}`
  await services.db.query(sql`INSERT INTO users (user_id, username, email, display_name, is_private)
    VALUES (${id}::bigint, ${username}, ${`${username}@example.com`}, ${`Person ${counter++}`}, ${options.isPrivate ?? false}::boolean)`)
  return { id, username, token: await tokenOf(id) }
}

export interface TokenOptions {
  /** Seconds from now; negative for a token that has expired. */
  expiresIn?: number
  issuer?: string
  audience?: string
  sessionId?: string
  /** A private JWK other than the origin's. */
  jwk?: Record<string, unknown>
}

export async function tokenOf(userId: Id, options: TokenOptions = {}): Promise<string> {
  const jwk = options.jwk ?? (JSON.parse(env.TEST_PRIVATE_JWK) as Record<string, unknown>)
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ sid: options.sessionId ?? crypto.randomUUID(), name: `p${userId}` })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid: String(jwk.kid) })
    .setSubject(userId)
    .setIssuer(options.issuer ?? TOKEN_ISSUER)
    .setAudience(options.audience ?? TOKEN_AUDIENCE)
    .setIssuedAt(now - 3_000)
    .setExpirationTime(now + (options.expiresIn ?? 900))
    .sign(await importJWK(jwk, TOKEN_ALGORITHM))
}

/** An uploaded picture of a person's, as the media tier leaves it. */
export async function picture(owner: Id, state = 'ready', contentType = 'image/jpeg'): Promise<Id> {
  const id = services.ids.next(0)
  await services.db.query(sql`INSERT INTO media (media_id, user_id, key, content_type, bytes, state, width, height, alt)
    VALUES (${id}::bigint, ${owner}::bigint, ${`media/${id}/abc.jpg`}, ${contentType}, 1000, ${state}, 800, 600, 'a boat')`)
  return id
}

export interface PostAnswer {
  id: Id
  author: { id: Id; username: string }
  caption: string
  hashtags: string[]
  media: { id: Id; type: string; urls: { medium: string } }[]
  likeCount: number
  liked: boolean
  awaitsMedia?: boolean
}

/** Publishes through the API. */
export async function publish(author: TestPerson, caption = 'hello'): Promise<Id> {
  const answer = await call<PostAnswer>('POST /v1/posts', { token: author.token, body: { caption } })
  if (answer.status !== 201) throw new Error(`publishing answered ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body.id
}

/** Events in the outbox about an entity, oldest first. */
export async function outboxOf(
  idText: string,
  type?: string,
): Promise<{ id: string; type: string; data: Record<string, unknown> }[]> {
  const rows = await services.db.query<{ body: { id: string; type: string; data: Record<string, unknown> } }>(
    sql`SELECT body FROM outbox WHERE body::text LIKE ${`%"${idText}"%`} ORDER BY created_at, event_id`,
  )
  return rows.map((row) => row.body).filter((event) => type === undefined || event.type === type)
}

/** Nothing listens there: the port is for nobody. */
const NOWHERE = 'http://127.0.0.1:9'
const brokenQueue = {
  send: () => Promise.reject(new Error('the queue is away')),
  sendBatch: () => Promise.reject(new Error('the queue is away')),
} as unknown as Queue

/** Stores taken away, to be spread into `env` of a call. */
export const away = {
  postgres: { DATABASE_HTTP_URL: `${NOWHERE}/sql`, DATABASE_URL: 'postgres://u:p@away.local/db' },
  redis: { REDIS_REST_URL: NOWHERE },
  origin: { ORIGIN_URL: NOWHERE },
  events: { EVENTS: brokenQueue },
  deferred: { DEFERRED_WRITES: brokenQueue },
} satisfies Record<string, Partial<ApiEnv>>

/** A queue that remembers what it was given. */
export function keptQueue(): { queue: Queue; messages: unknown[] } {
  const messages: unknown[] = []
  const queue = {
    send: async (body: unknown) => void messages.push(body),
    sendBatch: async (batch: Iterable<{ body: unknown }>) => void messages.push(...[...batch].map((m) => m.body)),
  } as unknown as Queue
  return { queue, messages }
}

/** Hands queued messages to the origin, as the consumer Worker does. */
export async function deliver(
  messages: readonly unknown[],
  queue: 'events' | 'deferred-writes' = 'events',
): Promise<string[]> {
  const response = await fetch(`${env.ORIGIN_URL}/internal/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${env.SERVICE_TOKEN}` },
    body: JSON.stringify({ queue, messages: messages.map((body, i) => ({ id: `m${i}`, attempts: 1, body })) }),
  })
  if (!response.ok) throw new Error(`ingest answered ${response.status} ${await response.text()}`)
  const { results } = (await response.json()) as { results: { outcome: string }[] }
  return results.map(({ outcome }) => outcome)
}

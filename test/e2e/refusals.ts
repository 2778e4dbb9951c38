import { importJWK, SignJWT } from 'jose'
import { expect, it } from 'vitest'
import { TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'
import { type Operation, operationsOf } from './openapi.ts'
import { type Answer, answerOf, type Person } from './person.ts'
import type { Stage } from './stage.ts'

/** Bodies that fit, so that a refusal is about something else. */
const BODIES: Record<string, unknown> = {
  createAccount: { username: 'nobody', email: 'nobody@example.org', password: 'correct horse battery' },
  signIn: { login: 'nobody', password: 'wrong password' },
  refreshSession: { refreshToken: 'forged' },
  signOut: { refreshToken: 'forged' },
  createPost: { caption: 'fits' },
  createComment: { body: 'fits' },
  editComment: { body: 'fits' },
  createBoard: { name: 'fits' },
  createMedia: { contentType: 'image/jpeg', bytes: 100 },
  completeMedia: {},
  markNotificationsRead: { upTo: '1' },
  report: { subject: { kind: 'post', id: '1' }, reason: 'spam' },
  reportSignals: { seen: ['1'] },
  updateMe: { bio: 'fits' },
}
/** Tables in which a refused request may leave nothing. */
const TABLES = ['users', 'sessions', 'posts', 'follows', 'followers', 'follow_requests', 'blocks', 'mutes', 'likes']
TABLES.push('comments', 'shares', 'boards', 'saves', 'media', 'reports', 'outbox', 'idempotency_keys', 'dead_letters')

type Request = Answer<{ code?: string }>
type Attack = (operation: Operation, send: Send) => Promise<Request>[]
type Send = (path: string, options?: { token?: string | null; body?: unknown; text?: string }) => Promise<Request>

const UNKNOWN = '9000000000000000000'
/** The path of an operation with each placeholder filled. */
const pathOf = ({ path }: Pick<Operation, 'path'>, id = UNKNOWN) => path.replace(/\{\w+\}/g, id)

export function refusals(on: () => Stage): void {
  let operations: Operation[]
  let person: Person

  /** Runs an attack on every operation that it concerns: each answers a problem with one of these statuses. */
  async function attack(statuses: number[], concerned: (operation: Operation) => boolean, how: Attack): Promise<void> {
    operations ??= await operationsOf(on().system.fetch)
    person ??= (await on().people(1))[0]!
    const before = await rows(on())
    const faults: unknown[] = []
    for (const operation of operations.filter(concerned)) {
      for (const answer of await Promise.all(how(operation, sender(operation)))) {
        const isProblem = answer.headers.get('content-type')?.includes('application/problem+json') ?? false
        if (!statuses.includes(answer.status) || !isProblem || typeof answer.body.code !== 'string') {
          faults.push({ operation: operation.id, status: answer.status, body: answer.body })
        }
      }
    }
    expect(faults).toEqual([])
    expect(await rows(on())).toEqual(before)
  }

  const sender =
    ({ id, method, hasBody }: Operation): Send =>
    async (path, { token = person.token, body = BODIES[id], text } = {}) => {
      const sent = text ?? (hasBody ? JSON.stringify(body) : undefined)
      const response = await on().system.fetch(path, {
        method,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(sent === undefined ? {} : { body: sent }),
      })
      return answerOf(response)
    }

  const isApi = ({ path }: Operation) => path.startsWith('/v1/')
  /** Whoever may call without a session needs none of ours, and has an allowance of sixty a minute. */
  const isOpen = ({ path }: Operation) => path === '/v1/accounts' || path.startsWith('/v1/sessions')

  it('no token where one is needed', () =>
    attack(
      [401],
      (operation) => operation.needsToken,
      (operation, send) => [send(pathOf(operation), { token: null })],
    ))

  it('a token that is forged, expired, of another issuer, or no token at all', async () => {
    const { JWT_PRIVATE_JWK } = on().system.origin.config.secrets
    const foreign = { kty: 'OKP', crv: 'Ed25519', ...FOREIGN_KEY }
    person ??= (await on().people(1))[0]!
    const tokens = [
      await token(person, foreign, {}),
      await token(person, JSON.parse(JWT_PRIVATE_JWK) as object, { age: 3 * 3_600 }),
      await token(person, JSON.parse(JWT_PRIVATE_JWK) as object, { issuer: 'https://elsewhere.example' }),
      `${person.token.slice(0, -6)}AAAAAA`,
      'nonsense',
    ]
    await attack(
      [401],
      (operation) => operation.needsToken,
      (operation, send) => tokens.map((wrong) => send(pathOf(operation), { token: wrong })),
    )
  })

  it('ids that are none', () =>
    attack(
      [400],
      (operation) => isApi(operation) && /\{(id|cid|post)\}/.test(operation.path),
      (operation, send) => ['abc', '-1', '1.5', '01', '99999999999999999999'].map((id) => send(pathOf(operation, id))),
    ))

  it('ids of nothing', () =>
    attack(
      [404],
      (operation) => isApi(operation) && operation.path.includes('{') && !IDEMPOTENT_REMOVALS.has(operation.id),
      (operation, send) => [send(pathOf(operation))],
    ))

  it('methods that an address does not take, saying which it does', async () => {
    operations ??= await operationsOf(on().system.fetch)
    for (const path of new Set(operations.map((operation) => operation.path))) {
      const taken = operations.filter((operation) => operation.path === path).map(({ method }) => method)
      const method = ['PATCH', 'PUT', 'DELETE'].find((wrong) => !taken.includes(wrong))
      const answer = await on().system.fetch(pathOf({ path }), { method: method ?? 'GET' })
      expect({ path, status: answer.status }).toEqual({ path, status: 405 })
      const allowed = answer.headers
        .get('allow')
        ?.split(', ')
        .filter((name) => name !== 'HEAD' && name !== 'OPTIONS')
      expect({ path, allowed: allowed?.sort() }).toEqual({ path, allowed: taken.sort() })
    }
  })

  it('unknown parameters, bad limits and bad cursors', async () => {
    const post = await person.post('to list the likes of')
    await attack(
      [400],
      (operation) => isApi(operation) && operation.query.length > 0,
      (operation, send) => {
        const q = operation.query.includes('q') ? 'q=x&' : ''
        const asked = ['unknown=1', 'limit=0', 'limit=-1', 'limit=x', 'limit=100000']
        // Search hands its cursor on to the index, whose answer is the same.
        if (operation.query.includes('cursor')) asked.push('cursor=forged', 'cursor=', `cursor=${'x'.repeat(9_000)}`)
        const path = pathOf(operation, operation.path.includes('/posts/{id}') ? post.id : person.id)
        return asked.map((query) => send(`${path}?${q}${query}`))
      },
    )
  })

  it('bodies that are no JSON, of another shape, or with fields that nobody knows', () =>
    attack(
      [400],
      (operation) => operation.hasBody && !isOpen(operation),
      (operation, send) => {
        const fits = BODIES[operation.id] as object
        const path = pathOf(operation)
        return [
          send(path, { text: '{"caption":' }),
          send(path, { body: [] }),
          send(path, { body: 'text' }),
          send(path, { body: { ...fits, unknown: true } }),
          send(path, { body: Object.fromEntries(Object.keys(fits).map((key) => [key, { not: 'this' }])) }),
        ].slice(0, Object.keys(fits).length === 0 ? 4 : 5)
      },
    ))

  it('the same for accounts and sessions', () =>
    attack(
      [400],
      (operation) => isOpen(operation),
      (operation, send) => [
        send(operation.path, { body: { ...(BODIES[operation.id] as object), unknown: true } }),
        send(operation.path, { body: {} }),
        send(operation.path, { text: 'not json' }),
      ],
    ))

  it('bodies that are too large', () =>
    attack(
      [413],
      (operation) => operation.hasBody && !isOpen(operation),
      (operation, send) => [send(pathOf(operation), { body: { caption: 'x'.repeat(2_000_000) } })],
    ))

  it("what is somebody else's", async () => {
    const [owner] = await on().people(1)
    const post = await owner.post('mine')
    const board = await owner.ask<{ id: string }>('POST', '/v1/boards', { name: 'mine' })
    const hidden = await owner.ask<{ id: string }>('POST', '/v1/boards', { name: 'hidden', isPrivate: true })
    const comment = await owner.ask<{ id: string }>('POST', `/v1/posts/${post.id}/comments`, { body: 'mine' })
    const statuses = async (...requests: [string, string, object?][]) =>
      Promise.all(requests.map(async ([method, path, body]) => (await person.call(method, path, body)).status))
    expect(
      await statuses(
        ['DELETE', `/v1/posts/${post.id}`],
        ['DELETE', `/v1/posts/${post.id}/comments/${comment.id}`],
        ['PATCH', `/v1/posts/${post.id}/comments/${comment.id}`, { body: 'not mine' }],
        ['PUT', `/v1/boards/${board.id}/posts/${post.id}`],
        ['DELETE', `/v1/boards/${board.id}/posts/${post.id}`],
        ['GET', `/v1/boards/${hidden.id}`],
        ['PUT', `/v1/users/${person.id}/follow`],
      ),
    ).toEqual([403, 403, 403, 403, 403, 404, 422])
    expect((await owner.call('GET', `/v1/posts/${post.id}`)).status).toBe(200)
  })
}

/** Taking away what is not there is no fault. */
const IDEMPOTENT_REMOVALS = new Set(['unfollow', 'unmute', 'unblock'])

const FOREIGN_KEY = {
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  kid: 'foreign',
}

async function token(
  person: Person,
  jwk: object,
  { age = 0, issuer = TOKEN_ISSUER }: { age?: number; issuer?: string },
): Promise<string> {
  const [header = ''] = person.token.split('.')
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
  const now = Math.floor(Date.now() / 1000) - age
  return new SignJWT({ name: person.username, sid: 'session' })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid, typ: 'JWT' })
    .setSubject(person.id)
    .setIssuer(issuer)
    .setAudience(TOKEN_AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(now + 900)
    .sign(await importJWK(jwk, TOKEN_ALGORITHM))
}

async function rows(stage: Stage): Promise<Record<string, number>> {
  const counts = TABLES.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`)
  const found = await stage.sql<Record<string, number>>(`SELECT ${counts.join(', ')}`)
  return Object.fromEntries(TABLES.map((table) => [table, found.reduce((sum, row) => sum + (row[table] ?? 0), 0)]))
}

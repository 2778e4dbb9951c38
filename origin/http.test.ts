import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { problems } from '#core/problem.ts'
import { createInternalApi, endpoint, type InternalApiOptions, type RunningServer, serveApi } from './http.ts'
import { createLogger } from './observe/logger.ts'
import { createMetrics } from './observe/metrics.ts'

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const lines: string[] = []
const running: RunningServer[] = []

async function start(options: Partial<InternalApiOptions> = {}) {
  const app = createInternalApi({
    serviceTokens: ['old-token', 'new-token'],
    methods: {
      'search.users': async ({ q, limit }, context) => {
        if (q === 'nobody') throw problems.notFound('person')
        if (q === 'trouble') throw new Error('select secret from somewhere')
        context.logger.info({ authorization: 'Bearer x', limit }, 'searched')
        return { items: [{ userId: '1', extra: 'never leaves' } as { userId: string }], cursor: null }
      },
    },
    endpoints: { '/internal/echo': endpoint(z.object({ n: z.number() }), 100, async ({ n }) => ({ n })) },
    clock: () => 1_800_000_000_000,
    random: Math.random,
    logger: createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } }),
    metrics: createMetrics(),
    ...options,
  })
  const server = await serveApi(app, { host: '127.0.0.1', port: 0 })
  running.push(server)
  return (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body === undefined ? {} : { body: isSent(body) ? body : JSON.stringify(body), duplex: 'half' }),
      headers: { authorization: 'Bearer new-token', 'content-type': 'application/json', ...headers },
    })
}

const isSent = (body: unknown): body is string | ReadableStream =>
  typeof body === 'string' || body instanceof ReadableStream

afterEach(async () => {
  lines.length = 0
  await Promise.all(running.splice(0).map((server) => server.close()))
})

const search = { q: 'ada', limit: 5, cursor: null }

describe('internal API', () => {
  it('answers a method and keeps what is not in its contract', async () => {
    const call = await start()
    const answer = await call('/internal/search.users', search)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ items: [{ userId: '1' }], cursor: null })
  })

  it('takes over the request id and the trace, and logs both without secrets', async () => {
    const call = await start()
    const answer = await call('/internal/search.users', search, { 'x-request-id': 'edge-1', traceparent: TRACE })
    expect(answer.headers.get('x-request-id')).toBe('edge-1')
    const line = JSON.parse(lines.find((text) => text.includes('searched'))!)
    expect(line).toMatchObject({ requestId: 'edge-1', authorization: '[redacted]', limit: 5 })
    expect(line.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/)
  })

  it('makes a request id when the given one is none', async () => {
    const call = await start()
    const answer = await call('/internal/search.users', search, { 'x-request-id': 'a b"c' })
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  })

  it('refuses callers without a service token, whatever they ask', async () => {
    const call = await start()
    for (const authorization of ['', 'Bearer wrong', 'Basic new-token']) {
      for (const path of ['/internal/search.users', '/internal/nothing', '/metrics']) {
        const answer = await call(path, path === '/metrics' ? undefined : search, { authorization })
        expect([path, answer.status]).toEqual([path, 401])
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
      }
    }
    expect((await call('/internal/search.users', search, { authorization: 'Bearer old-token' })).status).toBe(200)
    const closed = await start({ serviceTokens: [] })
    expect((await closed('/internal/search.users', search, { authorization: 'Bearer ' })).status).toBe(401)
  })

  it('names what is wrong with the input', async () => {
    const call = await start()
    const answer = await call('/internal/search.users', { q: '', limit: 'many', cursor: null })
    expect(answer.status).toBe(400)
    const problem = (await answer.json()) as { code: string; instance: string; errors: { pointer: string }[] }
    expect(problem).toMatchObject({ code: 'bad-request', instance: '/internal/search.users' })
    expect(problem.errors.map((error) => error.pointer)).toEqual(['/q', '/limit'])
    expect((await call('/internal/search.users', '{')).status).toBe(400)
  })

  it('passes problems on and hides everything else', async () => {
    const call = await start()
    const known = await call('/internal/search.users', { ...search, q: 'nobody' })
    expect([known.status, ((await known.json()) as { code: string }).code]).toEqual([404, 'not-found'])
    const unknown = await call('/internal/search.users', { ...search, q: 'trouble' })
    expect(unknown.status).toBe(500)
    expect(await unknown.text()).not.toContain('secret')
    expect(lines.join()).toContain('select secret')
  })

  it('answers 404 for a method that no tier offers, and 413 for a body that is too long', async () => {
    const call = await start()
    expect((await call('/internal/search.posts', search)).status).toBe(404)
    expect((await call('/internal/echo', { n: 1 })).status).toBe(200)
    expect((await call('/internal/echo', { n: 1, padding: 'x'.repeat(200) })).status).toBe(413)
  })

  it('takes a body that does not tell its length, and stops reading when it is too long', async () => {
    const call = await start()
    const untold = (text: string) => new Blob([text]).stream()
    expect((await call('/internal/echo', untold('{"n":1}'))).status).toBe(200)
    expect((await call('/internal/echo', untold('x'.repeat(200)))).status).toBe(413)
  })

  it('tells operators how it is', async () => {
    let up = true
    const call = await start({
      health: {
        postgres: async () => {
          if (!up) throw new Error('away')
        },
      },
    })
    expect((await call('/health', undefined, { authorization: '' })).status).toBe(200)
    up = false
    const answer = await call('/health')
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { status: 'degraded', dependencies: { postgres: 'down' } },
    ])
    const metrics = await call('/metrics')
    expect(await metrics.text()).toContain('tideline_http_request_seconds_count{route="/health",status="503"} 1')
  })

  it('calls a dependency that says nothing down', async () => {
    const call = await start({ health: { postgres: () => new Promise(() => {}), redis: async () => {} } })
    const answer = await call('/health')
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { status: 'degraded', dependencies: { postgres: 'down', redis: 'up' } },
    ])
  })

  it('closes within bounds, also when a request hangs', async () => {
    let began = () => {}
    const working = new Promise<void>((resolve) => {
      began = resolve
    })
    const app = { fetch: () => new Promise<Response>(() => began()) }
    const server = await serveApi(app, { host: '127.0.0.1', port: 0 }, 50)
    const cut = expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow()
    await working
    await server.close()
    await cut
  })
})

const PATIENT = { timeout: 20_000 }

describe('internal API with too much to do', () => {
  it('takes calls by their urgency, and refuses at once what there is no room for, without a line for each', async () => {
    const ends: (() => void)[] = []
    const begun: string[] = []
    const slow = (name: string) => async () => {
      begun.push(name)
      await new Promise<void>((resolve) => ends.push(resolve))
      return {}
    }
    const call = await start({
      limits: { atOnce: 1, waiting: 10, waitMs: 60_000 },
      methods: { 'observe.edge': slow('background') as never, 'search.users': slow('read') as never },
      endpoints: { '/internal/slow': endpoint(z.object({}), 100, slow('queue')) },
    })
    const observed = { answers: [], reads: [], degraded: [] }
    const answers = [call('/internal/slow', {})]
    await expect.poll(() => begun, PATIENT).toEqual(['queue'])
    // Its share of the queue is four.
    const refused: Response[] = []
    for (let i = 0; i < 6; i++) {
      const answer = call('/internal/observe.edge', observed)
      void answer.then((response) => response.status === 503 && refused.push(response))
      answers.push(answer)
    }
    await expect.poll(() => refused.length, PATIENT).toBe(2)
    expect(refused.map(({ headers }) => headers.get('retry-after'))).toEqual(['1', '1'])
    expect(await refused[0]?.json()).toMatchObject({ code: 'overloaded' })
    expect(lines.filter((line) => line.includes('failed'))).toEqual([])

    answers.push(call('/internal/search.users', search))
    expect((await call('/health')).status).toBe(200)
    await expect
      .poll(() => {
        ends.shift()?.()
        return begun.length
      }, PATIENT)
      .toBeGreaterThanOrEqual(6)
    for (const end of ends) end()
    expect(begun.indexOf('read')).toBeLessThan(begun.lastIndexOf('background'))
    await Promise.all(answers)
  })
})

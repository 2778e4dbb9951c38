import { describe, expect, it } from 'vitest'
import tideline from '../../../package.json' with { type: 'json' }
import { call, person } from '../testing.ts'
import { sha256Of } from './page.ts'

type Schema = Record<string, unknown>
interface Parameter {
  name: string
  schema?: Schema
  $ref?: string
}
interface Operation {
  operationId: string
  summary?: string
  security?: Schema[]
  parameters?: Parameter[]
  requestBody?: unknown
  responses: Record<string, { headers?: Record<string, unknown> }>
}
interface Description {
  info: { version: string; description: string }
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, Schema>
    headers: Record<string, Schema>
    parameters: Record<string, Parameter>
  }
}

describe('GET /docs', () => {
  it('may run its own script and style, and nothing else', async () => {
    const { headers, body } = await call<string>('GET /docs')
    const policy = headers.get('content-security-policy') ?? ''
    const [script = '', style = ''] = [/<script[^>]*>([\s\S]*?)<\/script>/, /<style>([\s\S]*?)<\/style>/].map(
      (part) => part.exec(body)?.[1],
    )
    expect(policy).toContain(`script-src ${await sha256Of(script)};`)
    expect(policy).toContain(`style-src ${await sha256Of(style)};`)
    expect(script.length).toBeGreaterThan(1_000)
  })

  it('tells generated clients of conditional reads, of bodies that are too large or of another type, and of tokens that do not count', async () => {
    const { body } = await call<Description>('GET /openapi.json')
    const operations = Object.values(body.paths).flatMap((item) => Object.values(item))
    const conditional = operations.filter(({ responses }) => '304' in responses)
    expect(conditional.map(({ operationId }) => operationId)).toContain('getFeed')
    for (const { operationId, parameters = [], responses } of conditional) {
      expect(parameters, operationId).toContainEqual(expect.objectContaining({ name: 'If-None-Match', in: 'header' }))
      for (const status of ['200', '304']) expect(responses[status]?.headers, operationId).toHaveProperty('ETag')
    }
    const lacking = (status: string, some: Operation[]) =>
      some.filter(({ responses }) => !(status in responses)).map(({ operationId }) => operationId)
    const withBody = operations.filter(({ requestBody }) => requestBody !== undefined)
    for (const status of ['413', '415']) expect(lacking(status, withBody), status).toEqual([])
    const underV1 = Object.entries(body.paths).flatMap(([path, item]) =>
      path.startsWith('/v1/') ? Object.values(item) : [],
    )
    expect(lacking('401', underV1)).toEqual([])
  })

  it('says in one line what each operation does, and which Tideline it is', async () => {
    const { body } = await call<Description>('GET /openapi.json')
    const operations = Object.values(body.paths).flatMap((item) => Object.values(item))
    for (const { operationId, summary } of operations) expect(summary, operationId).toMatch(/^[A-Z][^\n]{6,80}\.$/)
    expect(body.info.version).toBe(tideline.version)
  })

  it('declares the headers that answers carry', async () => {
    const { body } = await call<Description>('GET /openapi.json')
    const declared = (verb: string, path: string, status: number) =>
      Object.keys(body.paths[path]?.[verb]?.responses[status]?.headers ?? {}).map((name) => name.toLowerCase())
    const ann = await person()
    const asking = { token: ann.token, headers: { 'tideline-debug': 'layers', 'idempotency-key': 'declared' } }
    const names = Object.keys(body.components.headers).map((name) => name.toLowerCase())
    const given = ({ headers }: { headers: Headers }) => names.filter((name) => headers.has(name))
    for (const path of ['/v1/feed', '/v1/me', '/v1/boards', '/v1/trending/hashtags']) {
      const answer = await call(`GET ${path}`, asking)
      expect(given(answer).sort(), path).toEqual(
        declared('get', path, answer.status)
          .filter((name) => names.includes(name))
          .sort(),
      )
    }
    const make = () => call('POST /v1/boards', { ...asking, body: { name: 'Boats' } })
    expect(given(await make())).not.toContain('idempotency-replayed')
    const again = await make()
    expect(given(again)).toContain('idempotency-replayed')
    expect(given(again).sort()).toEqual(declared('post', '/v1/boards', 201).sort())
    expect(declared('post', '/v1/signals', 202)).not.toContain('idempotency-replayed')
    for (const status of [429, 503]) expect(declared('get', '/v1/me', status)).toContain('retry-after')
    const { security, parameters } = body.paths['/v1/trending/posts']?.get ?? {}
    expect(security).toEqual([{}, { bearer: [] }])
    expect(JSON.stringify(parameters)).not.toContain('Tideline-Debug')
  })

  it('finds a schema for every parameter, and every schema that is referred to', async () => {
    const { body } = await call<Description>('GET /openapi.json')
    const parameters = Object.values(body.paths).flatMap((item) =>
      Object.values(item).flatMap((operation) => operation.parameters ?? []),
    )
    const own = parameters.filter(({ $ref }) => $ref === undefined)
    expect([...own, ...Object.values(body.components.parameters)].filter(({ schema }) => schema === undefined)).toEqual(
      [],
    )
    const referred = JSON.stringify(body).matchAll(/"#\/components\/(schemas|headers|parameters)\/([\w-]+)"/g)
    for (const [, kind, name = ''] of referred) expect(body.components[kind as 'schemas']).toHaveProperty(name)
  })
})

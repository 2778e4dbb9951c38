import { describe, expect, it } from 'vitest'
import { call } from '../testing.ts'
import { sha256Of } from './page.ts'

type Schema = Record<string, unknown>
interface Operation {
  operationId: string
  parameters?: { name: string; schema?: Schema }[]
  requestBody?: unknown
  responses: Record<string, { headers?: Record<string, unknown> }>
}
interface Description {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
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

  it('finds a schema for every parameter, and every schema that is referred to', async () => {
    const { body } = await call<Description>('GET /openapi.json')
    const parameters = Object.values(body.paths).flatMap((item) =>
      Object.values(item).flatMap((operation) => operation.parameters ?? []),
    )
    expect(parameters.filter(({ schema }) => schema === undefined)).toEqual([])
    const referred = JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g)
    for (const [, name = ''] of referred) expect(body.components.schemas).toHaveProperty(name)
  })
})

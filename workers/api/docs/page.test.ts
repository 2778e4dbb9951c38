import { describe, expect, it } from 'vitest'
import { call } from '../testing.ts'
import { sha256Of } from './page.ts'

type Schema = Record<string, unknown>
interface Description {
  paths: Record<string, Record<string, { parameters?: { name: string; schema?: Schema }[] }>>
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

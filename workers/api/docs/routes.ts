/** The API's description of itself: /openapi.json and /docs. */
import tideline from '../../../package.json' with { type: 'json' }
import type { App } from '../context.ts'
import { withHeaders } from './headers.ts'
import { DOCS_PAGE, docsPolicy } from './page.ts'

const INFO = {
  openapi: '3.1.0',
  info: {
    title: 'Tideline',
    version: tideline.version,
    description:
      'A photo feed at the edge. Ids are decimal strings of 64 bits. Errors are problems (RFC 9457). ' +
      'Lists are { items, cursor } with opaque cursors. Every POST accepts Idempotency-Key, except those of sessions.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
}

/** Made at the first request, since it walks every schema; then one text for all. */
let description: string | null = null

export function registerDocs(app: App): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  })

  app.get('/openapi.json', function openApi(c) {
    description ??= JSON.stringify(withHeaders(app.getOpenAPI31Document(INFO)))
    c.header('content-type', 'application/json')
    c.header('cache-control', 'public, max-age=60')
    return c.body(description)
  })

  app.get('/docs', async function docs(c) {
    c.header('content-security-policy', await docsPolicy())
    c.header('cache-control', 'public, max-age=60')
    return c.html(DOCS_PAGE)
  })
}

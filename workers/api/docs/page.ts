/**
 * The page at /docs: reads /openapi.json and lists every operation. Self-contained, since a page that loads scripts from
 * somebody else's CDN would hand them every token typed into it.
 */
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

export const DOCS_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Tideline API</title><style>${STYLE}</style></head>
<body><header><h1>Tideline API</h1><p>The machine-readable description is at <a href="/openapi.json">/openapi.json</a>
(OpenAPI 3.1). Errors are problems (RFC 9457); lists are <code>{ items, cursor }</code>.</p></header>
<main aria-live="polite"><p>Reading the description …</p></main>
<script type="module">${SCRIPT}</script></body></html>`

/** How a policy names an inline text (CSP 3 §6.7.3). */
export async function sha256Of(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return `'sha256-${btoa(String.fromCharCode(...bytes))}'`
}

/** Only this script, this style and this site's own description: what the page's policy allows. */
export async function docsPolicy(): Promise<string> {
  const [script, style] = await Promise.all([sha256Of(SCRIPT), sha256Of(STYLE)])
  return `default-src 'none'; script-src ${script}; style-src ${style}; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'`
}

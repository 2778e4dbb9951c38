/** Bundles the page into static files that the api Worker serves. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const THIS_MACHINE = ['http://127.0.0.1:*', 'http://localhost:*']
const STATIC = ['index.html', 'favicon.svg']

/** What the sign-in view offers to somebody who only wants to look around. */
interface DemoSignIn {
  /** One for all. */
  password: string
  people: readonly { username: string; displayName: string; bio?: string; avatarUrl?: string | null }[]
}

export interface BuildWebOptions {
  outDir: string
  minify: boolean
  /** Written as /demo.json, which is null without it: then the picker of demo people does not show. */
  demo?: DemoSignIn
  /** Further origins that the page may upload to, beside its own, every https one and this machine. */
  connect?: readonly string[]
}

/** Writes index.html, app.js, app.css, favicon.svg, demo.json and _headers into `outDir`. */
export async function buildWeb({ outDir, minify, demo, connect = [] }: BuildWebOptions): Promise<void> {
  await mkdir(outDir, { recursive: true })
  await build({
    entryPoints: [
      { in: join(HERE, 'src/main.ts'), out: 'app' },
      { in: join(HERE, 'app.css'), out: 'app' },
    ],
    outdir: outDir,
    bundle: true,
    minify,
    sourcemap: !minify,
    format: 'esm',
    target: ['es2022', 'chrome114', 'firefox115', 'safari16.4'],
    legalComments: 'none',
    logLevel: 'warning',
  })
  await Promise.all(STATIC.map((file) => copyFile(join(HERE, file), join(outDir, file))))
  // The demo runs on one machine, whichever of its names the address bar shows.
  await writeFile(join(outDir, '_headers'), headers([...connect, ...(demo === undefined ? [] : THIS_MACHINE)]))
  await writeFile(join(outDir, 'demo.json'), JSON.stringify(demo ?? null))
}

/** Nothing inline, nothing foreign but pictures and uploads, whose host depends on the object store. */
function headers(connect: readonly string[]): string {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    ["img-src 'self' data: blob: https:", ...connect].join(' '),
    ["connect-src 'self' https: http://127.0.0.1:*", ...connect].join(' '),
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ]
  return `/*
  Content-Security-Policy: ${policy.join('; ')}
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
  Permissions-Policy: camera=(), microphone=(), geolocation=()
`
}

import { describe, expect, it } from 'vitest'
import { call } from './testing.ts'

const PAGE = '<!doctype html><title>Tideline</title>'
/** Serves the page under /, as the folder of the built one does. */
const ASSETS = {
  fetch: async (request: Request) => {
    if (new URL(request.url).pathname !== '/') return new Response(null, { status: 404 })
    if (request.headers.get('if-none-match') === '"page"') return new Response(null, { status: 304 })
    return new Response(PAGE, { headers: { 'content-type': 'text/html', etag: '"page"' } })
  },
} as unknown as Fetcher
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const open = (path: string, headers: Record<string, string> = BROWSER) =>
  call<unknown>(`GET ${path}`, { headers, env: { ASSETS } })

describe('the page', () => {
  it.each(['/following', '/search?q=boats', '/u/mira.serra', '/tag/%C3%BCber', '/p/7', '/b/7', '/notifications'])(
    'is at the address of a view: %s',
    async (path) => {
      expect(await open(path)).toMatchObject({ status: 200, body: PAGE })
      expect((await open(path, { 'if-none-match': '"page"' })).status).toBe(304)
      expect((await open(path, {})).body).toBe(PAGE)
    },
  )

  it.each(['/nonsense', '/u/', '/u/a/b', '/index.php', '/following/'])(
    'tells a browser that nothing is at %s, and is not found',
    async (path) => {
      expect(await open(path)).toMatchObject({ status: 404, body: PAGE })
      expect((await open(path, { ...BROWSER, 'if-none-match': '"page"' })).status).toBe(404)
    },
  )

  it('is not for programs: they are answered a problem', async () => {
    expect(await open('/nonsense', { accept: '*/*' })).toMatchObject({ status: 404, body: { code: 'not-found' } })
    expect(await open('/v1/nonsense')).toMatchObject({ status: 404, body: { code: 'not-found' } })
    expect(await call('POST /u/mira.serra', { headers: BROWSER })).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    })
  })

  it('is a problem, too, where no page was built', async () => {
    const none = { fetch: async () => new Response(null, { status: 404 }) } as unknown as Fetcher
    const answer = await call('GET /u/mira.serra', { headers: BROWSER, env: { ASSETS: none } })
    expect(answer).toMatchObject({ status: 404, body: { code: 'not-found' } })
  })
})
